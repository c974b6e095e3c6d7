"""Names of the domains of digits and of their stimulus sets. This module imports nothing heavy, for listings."""

from collections.abc import Iterable

#: Collection of several domains of digits, any of which can be the source.
PAPER_DIGITS = 'Qazi2025'
#: Collection with a single source, from which the targets are derived.
DERIVED_DIGITS = 'SklearnDigits'
#: Domains of the paper. MNISTM is MNIST-M; names of datasets have no dash.
DOMAINS = ('MNIST', 'MNISTM', 'SVHN', 'USPS')
#: Domains that are derived from scikit-learn's digits.
DERIVED = ('blended', 'inverted', 'blurred', 'thin', 'thick')


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
