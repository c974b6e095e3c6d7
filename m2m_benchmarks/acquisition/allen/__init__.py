"""Recordings of the Allen Brain Observatory: from its files to responses."""
