"""Exports plugins as folders and archives for Brain-Score, and checks them."""
