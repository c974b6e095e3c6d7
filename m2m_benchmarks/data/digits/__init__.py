"""Domains of digits: images of 0 to 9 from different sources, brought to one form."""
