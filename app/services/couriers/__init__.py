"""Couriers: who they are, what proves it, and how they may reach a gate."""
