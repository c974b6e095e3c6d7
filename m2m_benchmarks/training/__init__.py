"""Trains networks on one source domain, or on a folder of images."""
