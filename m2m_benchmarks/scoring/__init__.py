"""Loads models as candidates, chooses their layers and scores them."""
