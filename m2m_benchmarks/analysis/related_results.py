"""Stored results that one of a model is shown beside: those of its controls, and of its twin with or without NeuRN."""

from collections.abc import Sequence

from m2m_benchmarks.analysis.entries import PIXELS
from m2m_benchmarks.models.neurn.backbones import parse as parse_variant
from m2m_benchmarks.records.comparability import differences
from m2m_benchmarks.records.record import MOUSE_ACUITY, Result


def controls_of(result: Result, stored: Sequence[Result]) -> dict[str, list[Result]]:
    """Find the results of the controls of a score, which can be compared with it.

    Returns
    -------
    dict
        Name of a control to its newest results: of the pixels, and of the untrained network, one for each seed.
    """
    controls: dict[str, dict[int | None, Result]] = {}
    untrained = f'{result.model} untrained'
    for other in _comparable(result, stored):
        without_weights = (other.weights or '').startswith('none')
        if other.model.removesuffix(MOUSE_ACUITY) == PIXELS and other.model != result.model:
            controls.setdefault(PIXELS, {})[None] = other
        elif other.model == result.model and without_weights and not (result.weights or '').startswith('none'):
            controls.setdefault(untrained, {})[other.seed] = other
    return {name: list(controls[name].values()) for name in (untrained, PIXELS) if name in controls}


def twin_of(result: Result, stored: Sequence[Result]) -> Result | None:
    """Find the newest comparable result of the same network with NeuRN, or without it.

    Its weights are of the same origin: both untrained from one seed, or both trained with one seed, or both from one
    file, or both the default ones.
    """
    name = twin_name(result.model)
    matching = [
        other
        for other in _comparable(result, stored)
        if other.model == name and _origin(other) == _origin(result) and other.layer_named == result.layer_named
    ]
    return matching[-1] if matching else None


def twin_name(model: str) -> str | None:
    """Name the twin of a network of the family: without NeuRN, or with the default one; None for other models."""
    end = MOUSE_ACUITY if model.endswith(MOUSE_ACUITY) else ''
    try:
        variant = parse_variant(model.removesuffix(MOUSE_ACUITY))
    except ValueError:  # a model of this name with settings that this version doesn't know
        return None
    if variant is None:
        return None
    kind = 'neurn' if variant.neurn is None else 'plain'
    size = '' if variant.image_size == variant.row.image_size else f'_at{variant.image_size}'
    return f'{kind}_{variant.backbone}{size}{end}'


def _origin(result: Result) -> tuple[str, object]:
    """Kind of the weights, and what makes two networks of the kind alike: the seed, or the SHA-256 of the file."""
    kind, _, rest = (result.weights or '').partition(' ')
    return kind, rest.partition(' (SHA-256 ')[2][:64] if kind == 'file' else result.seed


def _comparable(result: Result, stored: Sequence[Result]) -> list[Result]:
    """List the results that can be compared with one, the newest last; those without a choice of layers first."""
    others = [other for other in stored if other.benchmark == result.benchmark and not differences(result, other)]
    return sorted(others, key=lambda other: (other.layer_named is None, other.created))
