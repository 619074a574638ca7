"""Devices: how they come to a gate, who is on shift on them, and how a lost one is cut off."""
