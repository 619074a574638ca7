"""Rosters: whom an employer vouches for, and who it says has left."""
