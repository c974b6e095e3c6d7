"""Domains of digits and the names of their stimulus sets. This module imports nothing heavy, for listings.

`python -m m2m_benchmarks.benchmarks.registry` writes the registry lines of the stimulus sets from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

#: Collection of several domains of digits, any of which can be the source.
PAPER_DIGITS = 'Qazi2025'
#: Collection with a single source, from which the targets are derived.
DERIVED_DIGITS = 'SklearnDigits'
#: Splits of a domain of the paper, and of the source of the derived domains.
SPLITS = ('train', 'test')


@dataclass(frozen=True)
class Domain:
    """Domain of digits of the paper.

    Attributes
    ----------
    n_test : int
        Number of images of its official test split.
    blended_from : str or None
        Domain whose digits are blended with photos to make this one, which has no official download; None for a domain
        that is downloaded, from where the class of its name in torchvision says.
    """

    n_test: int
    blended_from: str | None = None


#: Domains of the paper. MNISTM is MNIST-M; names of datasets have no dash.
DOMAINS = {
    'MNIST': Domain(n_test=10_000),
    'MNISTM': Domain(n_test=9_001, blended_from='MNIST'),
    'SVHN': Domain(n_test=26_032),
    'USPS': Domain(n_test=2_007),
}
#: Domains that are derived from scikit-learn's digits, each from all images of their test split.
DERIVED = ('blended', 'inverted', 'blurred', 'thin', 'thick')
#: Numbers of training images of scikit-learn's digits, the first in its order, and of test images.
DERIVED_TRAIN, DERIVED_TEST = 1_200, 597


def spelled(text: str, known: Iterable[str]) -> str | None:
    """Return the name of the domain that `text` names in any spelling: MNISTM for 'mnist-m'. None if it names none.

    An exact name always means itself; of names that differ only in case, the first of `known` is taken.
    """
    names = list(known)
    if text in names:
        return text
    plain = _plain(text)
    return next((name for name in names if _plain(name) == plain), None)


def _plain(text: str) -> str:
    return text.lower().replace('-', '').replace('_', '')


def stimulus_set_name(domain: str, split: str) -> str:
    """Name of the stimulus set of one split of a domain, such as MNIST_test."""
    return f'{domain}_{split}'


def domain_and_split(stimulus_set: str) -> tuple[str, str]:
    """Split the name of a stimulus set of digits; the domain is empty for other names."""
    domain, _, split = stimulus_set.rpartition('_')
    return domain, split
