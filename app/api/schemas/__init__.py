"""What requests and responses look like, one module for each area."""
