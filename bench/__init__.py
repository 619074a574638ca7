"""Measurements, never run as timed tests."""
