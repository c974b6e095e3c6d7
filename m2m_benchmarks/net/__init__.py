"""Requests, downloads and remote files over HTTP, whatever they hold: every one of them ends in time."""
