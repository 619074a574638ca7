"""The signed, short-lived identity code of a courier: its format, its symbol and its life."""
