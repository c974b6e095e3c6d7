"""Checks of names of benchmarks without loading data: grammar, dataset, area, comparison, domain and protocol.

This module imports nothing heavy, so that wrong names are reported at once.
"""

import difflib
from collections.abc import Iterable
from dataclasses import replace

from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, HINT, KNOWN
from m2m_benchmarks.benchmarks.datasets import DIGITS, RECORDINGS
from m2m_benchmarks.benchmarks.identifiers import (
    DERIVED_DIGITS,
    DIGITS_GRAMMAR,
    OWN_TARGET,
    PAPER_DIGITS,
    PROTOCOLS,
    DigitsIdentifier,
    NeuralIdentifier,
    dotted_name,
    grammar_of,
    parse,
    unrestricted,
)
from m2m_benchmarks.data import manifest, populations
from m2m_benchmarks.data.areas import note_on_renamed, order_areas, standard_area
from m2m_benchmarks.data.digit_names import DOMAINS
from m2m_benchmarks.data.made_here import MADE_HERE
from m2m_benchmarks.errors import BenchmarkError, DataNotFoundError, UnknownNameError
from m2m_benchmarks.messages import say
from m2m_benchmarks.plugins import BRAIN_SCORE, registered


def check_benchmark(identifier: str) -> str:
    """Check that a benchmark exists and that its datasets are on this machine, without loading them.

    Parameters
    ----------
    identifier : str
        Name of a benchmark of this library or of brainscore_vision. Aliases of the six areas, such as V1, are allowed.

    Returns
    -------
    str
        Name with the standard name of the area.

    Raises
    ------
    UnknownNameError
        When there is no such benchmark; the message has the nearest names.
    DataNotFoundError
        When datasets aren't on this machine; the message has the commands that bring them.
    """
    if identifier in registered('benchmark', BRAIN_SCORE):
        return identifier
    name = known_benchmark(identifier)
    absent = []
    for dataset in datasets_of(name):
        try:
            if not is_here(dataset):
                manifest.require(dataset)
        except DataNotFoundError as error:
            absent.append(str(error))
    if absent:
        raise DataNotFoundError('\n'.join(absent))
    if isinstance(name, NeuralIdentifier) and name.population is not None:
        entry = manifest.read(name.dataset)
        known = populations.recorded_populations(entry['summary']) if entry else {}
        if known and name.population not in known:
            where = dotted_name(name.dataset, name.area)
            raise UnknownNameError('population', name.population, known, why=f'{where} has none of that name')
    return str(name)


def known_benchmark(identifier: str) -> NeuralIdentifier | DigitsIdentifier:
    """Parse the name of a benchmark of this library, and check it.

    Raises
    ------
    UnknownNameError
        When the name doesn't follow the grammar, or the dataset, area, comparison, domain or protocol doesn't exist.
    """
    name = parse(standard_name(identifier))
    if name is not None and str(name) in registered('benchmark'):
        return name
    if isinstance(name, DigitsIdentifier):
        _check_digits(name)
    elif name is None:
        raise UnknownNameError('benchmark', identifier, _all_names(), f'Names are {grammar_of(identifier)}.')
    elif not _known(name.dataset):
        raise _unknown_dataset(name)
    else:
        _check_neural(name)
    return name


def standard_name(identifier: str) -> str:
    """Replace an alias of an area in the name of a benchmark by the standard name: V1 or visp by VISp.

    A note on stderr says so. Names of areas in the dataset itself stay, as do names that aren't of benchmarks of
    recordings that this library knows.
    """
    name = parse(identifier)
    if not isinstance(name, NeuralIdentifier) or name.area is None or not _known(name.dataset):
        return identifier
    areas, standard = _areas(name.dataset), standard_area(name.area)
    if name.area in areas or standard not in areas:
        return identifier
    renamed = str(replace(name, area=standard))
    say(note_on_renamed({identifier: renamed}))
    return renamed


def datasets_of(name: NeuralIdentifier | DigitsIdentifier) -> list[str]:
    """List the datasets of a benchmark, each once."""
    if isinstance(name, NeuralIdentifier):
        return [name.dataset]
    if name.collection == DERIVED_DIGITS:
        return [DERIVED_DIGITS]
    return list(dict.fromkeys([name.source, *DIGITS[name.collection].targets_of(name)]))


def needs_of(name: NeuralIdentifier | DigitsIdentifier) -> list[tuple[str, str | None]]:
    """List the datasets that a benchmark needs, with the area or split of each; None for all areas."""
    if isinstance(name, NeuralIdentifier):
        return [(name.dataset, name.area)]
    training = [(name.source, 'train')] if name.protocol == 'readout_accuracy' else []
    return [*training, *((domain, 'test') for domain in datasets_of(name))]


def part_is_here(dataset: str, part: str | None) -> bool:
    """Whether an area or split of a dataset is on this machine."""
    entry = manifest.read(dataset)
    if entry is None or part is None:
        return entry is not None
    return part in (entry['splits'] if entry.get('kind') == manifest.DIGITS else entry['summary']['areas'])


def is_here(dataset: str) -> bool:
    """Whether a dataset is on this machine, or is made on first use."""
    return dataset in MADE_HERE or manifest.read(dataset) is not None


def is_simulated(dataset: str) -> bool:
    """Whether recordings are simulated: those on this machine by their manifest, others by the table of datasets."""
    entry = manifest.read(dataset)
    if entry is None:
        return dataset in RECORDINGS and RECORDINGS[dataset].simulated
    return manifest.is_simulated(entry)


def notes_on_data(identifiers: Iterable[str]) -> list[str]:
    """List what scores on datasets that this library makes mean, a sentence for each dataset of the benchmarks."""
    names = [name for name in map(parse, map(unrestricted, identifiers)) if name is not None]
    datasets = dict.fromkeys(dataset for name in names for dataset in datasets_of(name))
    return [MADE_HERE[dataset] for dataset in datasets if dataset in MADE_HERE]


def own_benchmarks() -> list[str]:
    """List the registered benchmarks of this library, and those of imported recordings and digits.

    Datasets whose manifest is damaged are left out.
    """
    names = list(registered('benchmark'))
    domains = DIGITS[PAPER_DIGITS].domains
    damaged = manifest.damaged()
    for dataset in manifest.names():
        if dataset in (*RECORDINGS, *DIGITS, *domains, *damaged):
            continue
        if manifest.holds_digits(dataset):
            names += [
                str(DigitsIdentifier(PAPER_DIGITS, source, dataset, protocol))
                for protocol in PROTOCOLS
                for source in domains
            ]
        else:
            names += [
                str(NeuralIdentifier(dataset, area, None, comparison))
                for comparison in COMPARISONS
                for area in (*_areas(dataset), None)
            ]
    return names


def _known(dataset: str) -> bool:
    return dataset in RECORDINGS or (dataset in manifest.names() and not manifest.holds_digits(dataset))


def _areas(dataset: str) -> list[str]:
    """List the areas in a dataset on this machine, and those that the table lists for it."""
    entry = manifest.read(dataset)
    recorded = list(entry['summary']['areas']) if entry else []
    return order_areas([*recorded, *(RECORDINGS[dataset].areas if dataset in RECORDINGS else ())])


def _check_neural(name: NeuralIdentifier) -> None:
    areas = _areas(name.dataset)
    hint = ''
    if name.comparison not in KNOWN:
        hint = HINT
    elif name.area is not None and name.area not in areas:
        hint = f'Areas of {name.dataset} are {", ".join(areas)}.'
    if hint:
        all_areas = areas if name.population else [*areas, None]
        known = [
            str(NeuralIdentifier(name.dataset, area, name.population, comparison))
            for area in all_areas
            for comparison in KNOWN
        ]
        raise UnknownNameError('benchmark', str(name), known, hint)


def _unknown_dataset(name: NeuralIdentifier) -> UnknownNameError:
    if name.dataset in DOMAINS or manifest.holds_digits(name.dataset):
        why = f'{name.dataset} are digits, whose benchmarks are {DIGITS_GRAMMAR}'
        return UnknownNameError('benchmark', str(name), [], why=why)
    by_dataset: dict[str, list[str]] = {}
    for known_name in _all_names():
        parsed = parse(known_name)
        if parsed is not None:
            dataset = parsed.collection if isinstance(parsed, DigitsIdentifier) else parsed.dataset
            by_dataset.setdefault(dataset, []).append(known_name)
    if name.dataset in by_dataset:  # one of brainscore_vision's
        hint = '`m2m benchmarks --all` lists them.'
        return UnknownNameError('benchmark', str(name), by_dataset[name.dataset], hint)
    lower = {dataset.lower(): dataset for dataset in by_dataset}
    close = difflib.get_close_matches(name.dataset.lower(), lower, cutoff=0.7)
    why = (
        f'there is no dataset {name.dataset} on this machine; `m2m data list` shows those that are, '
        f'`{manifest.import_command(name.dataset)}` brings one'
    )
    known = [known_name for dataset in close for known_name in by_dataset[lower[dataset]]]
    return UnknownNameError('benchmark', str(name), known, why=why)


def _all_names() -> list[str]:
    """List the names of benchmarks to suggest."""
    return [*own_benchmarks(), *registered('benchmark', BRAIN_SCORE)]


def _check_digits(name: DigitsIdentifier) -> None:
    if name.collection == DERIVED_DIGITS:  # all of these are registered
        known = [benchmark for benchmark in registered('benchmark') if isinstance(parse(benchmark), DigitsIdentifier)]
        raise UnknownNameError('benchmark', str(name), known, '`m2m benchmarks --all` lists them.')
    if name.source == name.target:
        raise BenchmarkError(OWN_TARGET.format(name.source))
    known = [*DIGITS[PAPER_DIGITS].domains, *filter(manifest.holds_digits, manifest.names())]
    known = list(dict.fromkeys([*known, DERIVED_DIGITS]))
    unknown = [domain for domain in (name.source, name.target) if domain is not None and domain not in known]
    if name.protocol in PROTOCOLS and not unknown:
        return
    hint = f'Protocols are {", ".join(PROTOCOLS)}.'
    if name.protocol in PROTOCOLS:
        hint = (
            f'Domains are {", ".join(known)}; import another with `m2m data import digits-domain {unknown[0]} --from '
            'PATH`.'
        )
    names = [
        str(DigitsIdentifier(PAPER_DIGITS, source, None if source == target else target, protocol))
        for source in known
        for target in known
        for protocol in PROTOCOLS
    ]
    raise UnknownNameError('benchmark', str(name), names, hint)
