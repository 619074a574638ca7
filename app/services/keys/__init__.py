"""Signing keys: made, published ahead, used in turn, retired, withdrawn."""
