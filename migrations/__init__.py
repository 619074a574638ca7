"""The schema's history: one script a step, up and down, on SQLite and PostgreSQL."""
