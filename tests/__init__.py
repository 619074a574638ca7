"""The tests: through the API first, on SQLite and PostgreSQL."""
