"""Tests: factories."""
