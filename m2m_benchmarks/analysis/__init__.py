"""Candidates compared with one another."""
