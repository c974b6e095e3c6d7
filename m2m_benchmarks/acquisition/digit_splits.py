"""Splits of a domain of digits as they are stored, and the names that tell train from test."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from m2m_benchmarks.acquisition.images import Picture
from m2m_benchmarks.errors import DataError

#: Names of the column of labels in a table.
LABEL_COLUMNS = ('label', 'labels', 'class', 'target', 'targets', 'digit', 'y')

_WORDS = {
    'train': {'train', 'training', 'trainset'},
    'test': {'test', 'testing', 'testset', 't10k'},
}
#: Words of MNIST's and other names: at capitals, and at all that isn't a letter or digit.
_WORD = re.compile(r'[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])')


@dataclass(frozen=True)
class RawSplit:
    """Images of a split before they are standardised.

    Attributes
    ----------
    images : array, shape (n, ...), or sequence of Picture
    labels : array, shape (n,)
    clusters : array, shape (n,), or None
        Name of the photo that each image was cut from; None if images are independent.
    """

    images: np.ndarray | Sequence[Picture]
    labels: np.ndarray
    clusters: np.ndarray | None = None


def split_in(name: str) -> str | None:
    """Return the split that a path contains as a word, in its last part that has one; None if there is none."""
    for part in reversed(PurePath(name).parts):
        words = {word.lower() for word in _WORD.findall(part)}
        splits = [split for split, its_words in _WORDS.items() if words & its_words]
        if len(splits) == 1:
            return splits[0]
    return None


def only_named(names: Iterable[tuple[str, str | None]]) -> dict[str, str | None]:
    """Leave out things without a split where there are others with one, such as a folder val beside train and test."""
    splits = dict(names)
    return {name: split for name, split in splits.items() if split is not None} or splits


def require_once(splits: Iterable[tuple[str, str | None]], where: str) -> None:
    """Raise a DataError if two things hold the same split."""
    seen: dict[str | None, str] = {}
    for name, split in splits:
        if split in seen:
            raise DataError(
                f'{where} holds {seen[split]} and {name}, which are both {split or "of an unnamed split"}; expected '
                'one train and one test split. Import them as domains of their own.'
            )
        seen[split] = name
