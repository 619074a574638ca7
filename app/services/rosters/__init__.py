"""Rosters: the tables in which an employer names the people it vouches for."""
