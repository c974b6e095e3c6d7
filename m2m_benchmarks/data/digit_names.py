"""Names of the domains of digits and of their stimulus sets. This module imports nothing heavy, for listings."""

#: Collection of several domains of digits, any of which can be the source.
PAPER_DIGITS = 'Qazi2025'
#: Collection with a single source, from which the targets are derived.
DERIVED_DIGITS = 'SklearnDigits'
#: Domains of the paper. MNISTM is MNIST-M; names of datasets have no dash.
DOMAINS = ('MNIST', 'MNISTM', 'SVHN', 'USPS')
#: Domains that are derived from scikit-learn's digits.
DERIVED = ('blended', 'inverted', 'blurred', 'thin', 'thick')


def stimulus_set_name(domain: str, split: str) -> str:
    """Name of the stimulus set of one split of a domain, such as MNIST_test."""
    return f'{domain}_{split}'


def domain_and_split(stimulus_set: str) -> tuple[str, str]:
    """Split the name of a stimulus set of digits; the domain is empty for other names."""
    domain, _, split = stimulus_set.rpartition('_')
    return domain, split
