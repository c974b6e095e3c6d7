"""Names of benchmarks: parsing and writing.

======================================  ==========================================================
recordings, mean over their areas       ``DATASET-COMPARISON``
one area of them                        ``DATASET.AREA-COMPARISON``
a population of the area's neuroids     ``DATASET.AREA.POPULATION-COMPARISON``
digits, all targets of a source         ``Qazi2025.SOURCE-PROTOCOL``, ``SklearnDigits-PROTOCOL``
digits, one target                      ``Qazi2025.SOURCE.TARGET-PROTOCOL``, ``SklearnDigits.TARGET-PROTOCOL``
======================================  ==========================================================

A dataset is a letter followed by letters and digits; other parts are letters, digits and underscores. This module
imports nothing heavy, for listings.
"""

import fnmatch
import re
from dataclasses import dataclass, replace

from m2m_benchmarks.data.digit_names import DERIVED_DIGITS, PAPER_DIGITS
from m2m_benchmarks.data.names import DATASET, PART

#: Protocols for labelling digits, and a short description of each.
PROTOCOLS = {
    'accuracy': 'labels by a model that was trained on the source',
    'readout_accuracy': 'labels by a linear readout that is fitted to the source',
}
#: Grammar of names of benchmarks of recordings, for messages.
GRAMMAR = (
    'DATASET-COMPARISON, DATASET.AREA-COMPARISON or DATASET.AREA.POPULATION-COMPARISON, of letters, digits and, after '
    'the dataset, underscores'
)
#: Grammar of names of benchmarks of digits, for messages.
DIGITS_GRAMMAR = (
    f'{PAPER_DIGITS}.SOURCE-PROTOCOL, {PAPER_DIGITS}.SOURCE.TARGET-PROTOCOL, {DERIVED_DIGITS}-PROTOCOL or '
    f'{DERIVED_DIGITS}.TARGET-PROTOCOL; protocols are {" and ".join(PROTOCOLS)}'
)

#: Message about a source that is named as its own target.
OWN_TARGET = (
    '{} cannot be its own target; choose another domain. The accuracy on the source is in every result, as in_domain.'
)

#: Between the name of a benchmark and the first digits of the selection of neurons that it is restricted to.
NEURONS = '+neurons_'

_IDENTIFIER = re.compile(
    rf'(?P<dataset>{DATASET})(?:\.(?P<first>{PART})(?:\.(?P<second>{PART}))?)?-(?P<end>{PART})', re.ASCII
)


def dotted_name(*parts: str | None) -> str:
    """Join the parts of a name with dots, such as those of DATASET.AREA.POPULATION; None stands for no part."""
    return '.'.join(part for part in parts if part is not None)


def unrestricted(identifier: str) -> str:
    """Name of a benchmark without its selection of neurons."""
    return identifier.partition(NEURONS)[0]


def grammar_of(identifier: str) -> str:
    """Grammar that a name was meant to follow, by the dataset that it begins with; for messages."""
    dataset = re.match(DATASET, identifier, re.ASCII)
    return DIGITS_GRAMMAR if dataset and dataset[0] in (PAPER_DIGITS, DERIVED_DIGITS) else GRAMMAR


def matches(name: str, pattern: str) -> bool:
    """Whether a name matches a pattern with stars, which stand for any characters but a dot."""
    return name.count('.') == pattern.count('.') and fnmatch.fnmatchcase(name, pattern)


@dataclass(frozen=True)
class NeuralIdentifier:
    """Name of a benchmark of recordings.

    Attributes
    ----------
    dataset : str
    area : str or None
        Area; None for the mean over the areas of the dataset.
    population : str or None
        Population; None for all neuroids of the area.
    comparison : str
        Name of the comparison, such as 'rdm'.
    """

    dataset: str
    area: str | None
    population: str | None
    comparison: str

    def __str__(self) -> str:
        return f'{dotted_name(self.dataset, self.area, self.population)}-{self.comparison}'

    @property
    def of_area(self) -> 'NeuralIdentifier':
        """Name of the benchmark of all neuroids of the area."""
        return replace(self, population=None)

    @property
    def parent(self) -> str | None:
        """Name of the benchmark that this one is a part of; None for the mean over areas."""
        if self.population is not None:
            return str(self.of_area)
        return None if self.area is None else str(replace(self, area=None))


@dataclass(frozen=True)
class DigitsIdentifier:
    """Name of a benchmark of domain generalization.

    Attributes
    ----------
    collection : {'Qazi2025', 'SklearnDigits'}
    source : str
        Domain to which the model is fitted.
    target : str or None
        Domain on which the model is tested; None for the mean over all targets of the collection.
    protocol : {'accuracy', 'readout_accuracy'}
    """

    collection: str
    source: str
    target: str | None
    protocol: str

    def __str__(self) -> str:
        source = None if self.collection == DERIVED_DIGITS else self.source
        return f'{dotted_name(self.collection, source, self.target)}-{self.protocol}'

    @property
    def parent(self) -> str:
        """Name under which Brain-Score groups this benchmark."""
        return f'{self.collection}-{self.protocol}'


def parse(identifier: str) -> NeuralIdentifier | DigitsIdentifier | None:
    """Parse the name of a benchmark; None if it doesn't follow the grammar.

    This doesn't check whether such a dataset, area, population, comparison or domain exists.
    """
    match = _IDENTIFIER.fullmatch(identifier)
    if match is None:
        return None
    dataset, first, second, end = match.group('dataset', 'first', 'second', 'end')
    if dataset == PAPER_DIGITS:
        return DigitsIdentifier(dataset, first, second, end) if first is not None else None
    if dataset == DERIVED_DIGITS:
        return DigitsIdentifier(dataset, DERIVED_DIGITS, first, end) if second is None else None
    return NeuralIdentifier(dataset, first, second, end)
