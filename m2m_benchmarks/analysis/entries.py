"""Parses the candidates of a comparison. It has no slow imports: names are checked before torch is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from m2m_benchmarks.benchmarks.identifiers import DigitsIdentifier, parse
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.records.record import MOUSE_ACUITY
from m2m_benchmarks.scoring.runs import find_run, read_run
from m2m_benchmarks.scoring.specs import (
    RUN,
    CandidateSpec,
    can_be_untrained,
    check_candidate,
    has_choice,
    parse_candidate,
)

#: Model without a network, whose features are the pixels of small images.
PIXELS = 'pixels_64'


@dataclass(frozen=True)
class Entry:
    """One candidate of a comparison.

    Attributes
    ----------
    label : str
        Text that names the candidate, without the folder of a weights file.
    spec : CandidateSpec
    has_weights : bool
        Whether the text names the weights (`@`, or a run); such a candidate is not trained for the comparison.
    """

    label: str
    spec: CandidateSpec
    has_weights: bool

    def is_trained(self, source: str | None) -> bool:
        """Whether the candidate is trained on `source`, a domain or None."""
        return source is not None and not self.has_weights

    def has_seeds(self, source: str | None) -> bool:
        """Whether the candidate differs between seeds: it is trained, or has random weights."""
        return self.is_trained(source) or self.spec.weights == 'none'


def as_list(candidates: str | Sequence[str]) -> list[str]:
    """List the candidates; one alone may be a text."""
    return [candidates] if isinstance(candidates, str) else list(candidates)


def parse_entries(
    candidates: str | Sequence[str], weights: str = 'default', mouse_acuity: bool = False, least: int = 2
) -> list[Entry]:
    """Parse the candidates of a comparison.

    Parameters
    ----------
    candidates : str or sequence of str
        NAME, NAME@WEIGHTS or run:PATH.
    weights : str
        Weights of candidates without `@`.
    mouse_acuity : bool
        Whether the candidates see stimuli as a mouse's eye passes them on; their labels say so.
    least : int
        Fewest candidates; two for a comparison of candidates.

    Raises
    ------
    BenchmarkError
        When there are fewer candidates.
    M2MError
        See `scoring.specs.parse_candidate`.
    """
    candidates = as_list(candidates)
    if len(candidates) < least:
        fewest = 'a model' if least == 1 else 'two models'
        raise BenchmarkError(f'a comparison needs {fewest} or more, got {len(candidates)}.')
    specs = [parse_candidate(text, weights) for text in candidates]
    labels = [_label(text, spec) for text, spec in zip(candidates, specs, strict=True)]
    end = MOUSE_ACUITY if mouse_acuity else ''
    return [
        Entry(
            # Two files with the same name are distinguished by their folders.
            (text if labels.count(label) > 1 else label) + end,
            replace(spec, mouse_acuity=mouse_acuity),
            spec.name != text or spec.name.startswith(RUN),
        )
        for text, label, spec in zip(candidates, labels, specs, strict=True)
    ]


def with_controls(candidates: Sequence[str], weights: str = 'default') -> list[str]:
    """Add the controls of a comparison: the pixels, and the untrained twin of each candidate with weights.

    Candidates that bring their own weights, such as plugins, have no untrained twin.

    Parameters
    ----------
    candidates : sequence of str
        One or more candidates; see `parse_entries`.
    weights : str
        Weights of candidates without `@`.

    Raises
    ------
    M2MError
        See `scoring.specs.parse_candidate` and `check_candidate`.
    """
    specs = [parse_candidate(text, weights) for text in candidates]
    for spec in specs:
        check_candidate(spec)
    controls = [CandidateSpec(_network_of(spec), 'none') for spec in specs]
    controls = [control for control in controls if can_be_untrained(control.name)]
    added = [control for control in (*controls, CandidateSpec(PIXELS)) if control not in specs]
    return [*candidates, *dict.fromkeys(map(str, added))]


def _network_of(spec: CandidateSpec) -> str:
    """Name the network of a candidate; that of a run is the one that was trained."""
    return read_run(find_run(spec.name.removeprefix(RUN))).model if spec.name.startswith(RUN) else spec.name


def source_of(benchmark: str, source: str | None = None) -> str | None:
    """Name the domain that candidates without named weights are trained on for a benchmark.

    It is the source of a benchmark for models trained on its source; for other benchmarks it is `source`.
    """
    name = parse(benchmark)
    return name.source if isinstance(name, DigitsIdentifier) and name.protocol == 'accuracy' else source


def check_different(entries: Sequence[Entry], source: str | None) -> None:
    """Check that no candidate is named twice.

    Parameters
    ----------
    entries : sequence of Entry
    source : str or None
        Domain that candidates without named weights are trained on; they then differ from the same model with `@`.

    Raises
    ------
    BenchmarkError
        When a candidate is named twice.
    """
    known: set[tuple[CandidateSpec, bool]] = set()
    for entry in entries:
        candidate = (entry.spec, entry.is_trained(source))
        if candidate in known:
            name, weights = entry.spec.name, entry.spec.weights
            other = 'none' if weights != 'none' and can_be_untrained(name) else 'FILE'
            alternative = f', or one model with different weights, such as {name}@{other}' if has_choice(name) else ''
            raise BenchmarkError(f'{entry.label} is named twice; name different models{alternative}.')
        known.add(candidate)


def _label(text: str, spec: CandidateSpec) -> str:
    if spec.name == text or spec.weights in ('default', 'none'):
        return text
    return f'{spec.name}@{Path(spec.weights).name}'
