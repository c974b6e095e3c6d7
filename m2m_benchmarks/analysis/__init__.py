"""Compares candidates with one another."""
