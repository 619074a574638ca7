"""Compounds and their gates: who runs them, who sees them, and how a file brings them in."""
