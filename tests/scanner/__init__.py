"""A reference scanner, written from docs/offline.md and openapi.yaml alone; it imports nothing of ours."""
