"""What a user names as a candidate: a model and its weights."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CandidateSpec:
    """Name of a model and its weights."""

    name: str
    weights: str = 'default'


def parse_candidate(text: str, default_weights: str = 'default') -> CandidateSpec:
    """Read NAME or NAME@WEIGHTS."""
    name, at, weights = text.partition('@')
    if text.startswith('run:') or text == 'pixels_64':
        return CandidateSpec(text)
    return CandidateSpec(name, weights) if at else CandidateSpec(text, default_weights)
