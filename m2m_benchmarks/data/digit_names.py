"""Names of the domains of digits, and of their stimulus sets. This module imports nothing heavy: listings read it."""

#: Domains of the paper. MNISTM is MNIST-M: a dash in a name would end it.
DOMAINS = ('MNIST', 'MNISTM', 'SVHN', 'USPS')
#: Domains that are derived from scikit-learn's digits.
DERIVED = ('blended', 'inverted', 'blurred', 'thin', 'thick')


def stimulus_set_name(domain: str, split: str) -> str:
    """Name of the stimulus set of one split of a domain, such as MNIST_test."""
    return f'{domain}_{split}'


def domain_and_split(stimulus_set: str) -> tuple[str, str]:
    """Take the name of a stimulus set of digits apart; the domain is empty where it is none of digits."""
    domain, _, split = stimulus_set.rpartition('_')
    return domain, split
