"""Turns recordings and image files into datasets."""
