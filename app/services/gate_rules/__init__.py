"""Gate rules: who may enter a compound when, and what is said to who may not."""
