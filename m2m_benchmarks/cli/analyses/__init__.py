"""Commands of `m2m analyze`, one module each."""
