"""Makes tables and figures of results."""
