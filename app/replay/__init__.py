"""Replays movements from a file through the whole application, as couriers and guards would bring them."""
