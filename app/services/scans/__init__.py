"""Scans: decided by lists, stored before they are answered, never twice."""
