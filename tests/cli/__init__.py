"""Commands, run as their users run them."""
