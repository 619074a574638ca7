"""What breaks around a deployment that serves: its processes, its database, its patience, its keys."""
