"""Blocks: a compound does not let a courier in for some time, and the courier may appeal."""
