"""Benchmarks that no plugin registers by a line of its own: of imported recordings and digits, and of populations."""

import difflib
import sys
from dataclasses import replace

from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, load_comparison
from m2m_benchmarks.benchmarks.datasets import DIGITS, RECORDINGS
from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark, digits_benchmark
from m2m_benchmarks.benchmarks.identifiers import (
    DERIVED_DIGITS,
    DIGITS_GRAMMAR,
    GRAMMAR,
    PAPER_DIGITS,
    PROTOCOLS,
    DigitsIdentifier,
    NeuralIdentifier,
    parse,
)
from m2m_benchmarks.benchmarks.neural import AreaBenchmark, MeanBenchmark
from m2m_benchmarks.data import ledger
from m2m_benchmarks.data.areas import note_on_renamed, order_areas, standard_area
from m2m_benchmarks.data.digit_names import DOMAINS
from m2m_benchmarks.errors import UnknownNameError
from m2m_benchmarks.plugins import BRAIN_SCORE, registered


def unregistered_benchmark(identifier: str) -> AreaBenchmark | MeanBenchmark | GeneralizationBenchmark:
    """Make a benchmark that no plugin registers by a line of its own.

    Parameters
    ----------
    identifier : str
        Name that follows the grammar of `benchmarks.identifiers`: of recordings that were imported or fetched, of a
        population of their neuroids, or of digits. Other names of the six areas, such as V1, are understood.

    Raises
    ------
    UnknownNameError
        For a name of another grammar, and for a dataset, area, population, comparison, domain or protocol that doesn't
        exist.
    DataNotFoundError
        With the command that brings the dataset, for one that this library knows.
    """
    name = parse(standard_name(identifier))
    if isinstance(name, DigitsIdentifier):
        return _digits(name)
    if name is None:
        of_digits = identifier.startswith((PAPER_DIGITS, DERIVED_DIGITS))
        hint = f'Names are {DIGITS_GRAMMAR if of_digits else GRAMMAR}.'
        raise UnknownNameError('benchmark', identifier, _all_names(), hint)
    if not _known(name.dataset):
        raise _unknown_dataset(name)
    return _neural(name)


def standard_name(identifier: str) -> str:
    """Name of a benchmark with the area as this library calls it: VISp for V1 or visp.

    What an area was understood as is said on stderr. A name that the dataset itself has for an area stays, and so does
    whatever is no name of a benchmark of recordings that this library knows.
    """
    name = parse(identifier)
    if not isinstance(name, NeuralIdentifier) or name.area is None or not _known(name.dataset):
        return identifier
    areas, standard = _areas(name.dataset), standard_area(name.area)
    if name.area in areas or standard not in areas:
        return identifier
    renamed = str(replace(name, area=standard))
    print(note_on_renamed({identifier: renamed}), file=sys.stderr)
    return renamed


def _known(dataset: str) -> bool:
    return dataset in RECORDINGS or (dataset in ledger.names() and not ledger.holds_digits(dataset))


def _areas(dataset: str) -> list[str]:
    """Areas that a dataset has on this machine, and those that it is known to have."""
    entry = ledger.read(dataset)
    recorded = list(entry['summary']['areas']) if entry else []
    return order_areas([*recorded, *(RECORDINGS[dataset].areas if dataset in RECORDINGS else ())])


def _neural(name: NeuralIdentifier) -> AreaBenchmark | MeanBenchmark:
    # Those that this library knows have their lines; areas beside the declared ones, and populations, come here.
    areas = _areas(name.dataset)
    hint = ''
    if name.comparison not in COMPARISONS:
        hint = f'Comparisons are {", ".join(COMPARISONS)}.'
    elif name.area is not None and name.area not in areas:
        hint = f'Areas of {name.dataset} are {", ".join(areas)}.'
    if hint:
        every = areas if name.population else [*areas, None]
        known = [
            str(NeuralIdentifier(name.dataset, area, name.population, each)) for area in every for each in COMPARISONS
        ]
        raise UnknownNameError('benchmark', str(name), known, hint)
    comparison = load_comparison(name.comparison)
    if name.area is None:
        return MeanBenchmark(name.dataset, comparison)
    declared = RECORDINGS.get(name.dataset)
    return AreaBenchmark(name.dataset, name.area, comparison, declared.bibtex if declared else '', name.population)


def _unknown_dataset(name: NeuralIdentifier) -> UnknownNameError:
    if name.dataset in DOMAINS or ledger.holds_digits(name.dataset):
        why = f'{name.dataset} are digits, whose benchmarks are {DIGITS_GRAMMAR}'
        return UnknownNameError('benchmark', str(name), [], why=why)
    by_dataset: dict[str, list[str]] = {}
    for each in _all_names():
        parsed = parse(each)
        if parsed is not None:
            dataset = parsed.collection if isinstance(parsed, DigitsIdentifier) else parsed.dataset
            by_dataset.setdefault(dataset, []).append(each)
    if name.dataset in by_dataset:  # one of brainscore_vision's
        hint = '`m2m benchmarks --all` lists them.'
        return UnknownNameError('benchmark', str(name), by_dataset[name.dataset], hint)
    lower = {dataset.lower(): dataset for dataset in by_dataset}
    close = difflib.get_close_matches(name.dataset.lower(), lower, cutoff=0.7)
    why = (
        f'there is no dataset {name.dataset} on this machine; `m2m data list` shows those that are, '
        f'`{ledger.import_command(name.dataset)}` brings one'
    )
    known = [each for dataset in close for each in by_dataset[lower[dataset]]]
    return UnknownNameError('benchmark', str(name), known, why=why)


def _all_names() -> list[str]:
    """Names of benchmarks to suggest: registered ones, and those of recordings on this machine."""
    here = [dataset for dataset in ledger.names() if dataset not in RECORDINGS and not ledger.holds_digits(dataset)]
    imported = [
        str(NeuralIdentifier(dataset, area, None, each))
        for dataset in here
        for area in (*_areas(dataset), None)
        for each in COMPARISONS
    ]
    return [*registered('benchmark'), *registered('benchmark', BRAIN_SCORE), *imported]


def _digits(name: DigitsIdentifier) -> GeneralizationBenchmark:
    if name.collection == DERIVED_DIGITS:  # these have a line each
        known = [each for each in registered('benchmark') if isinstance(parse(each), DigitsIdentifier)]
        raise UnknownNameError('benchmark', str(name), known, '`m2m benchmarks --all` lists them.')
    known = [*DIGITS[PAPER_DIGITS].domains, *(each for each in ledger.names() if ledger.holds_digits(each))]
    known = list(dict.fromkeys([*known, DERIVED_DIGITS]))
    unknown = [each for each in (name.source, name.target) if each is not None and each not in known]
    if name.protocol not in PROTOCOLS or unknown:
        hint = f'Protocols are {", ".join(PROTOCOLS)}.'
        if name.protocol in PROTOCOLS:
            hint = (
                f'Domains are {", ".join(known)}; one of your own comes by `m2m data import digits-domain {unknown[0]} '
                '--from PATH`.'
            )
        names = [
            str(DigitsIdentifier(PAPER_DIGITS, source, None if source == target else target, protocol))
            for source in known
            for target in known
            for protocol in PROTOCOLS
        ]
        raise UnknownNameError('benchmark', str(name), names, hint)
    return digits_benchmark(name)
