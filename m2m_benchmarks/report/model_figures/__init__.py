"""Figures of a model's report, each with its data, a caption and a description for those who can't see it."""
