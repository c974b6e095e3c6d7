"""Control models, for scores without any network."""

from brainscore_vision import model_registry

from .model import pixels

model_registry['pixels_64'] = pixels
