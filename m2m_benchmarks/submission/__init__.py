"""Plugins as folders and archives that Brain-Score takes."""
