"""From a model to a score."""
