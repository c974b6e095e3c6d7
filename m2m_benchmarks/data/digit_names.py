"""Names of the domains of digits. This module imports nothing heavy: listings read it."""

#: Domains of the paper. MNISTM is MNIST-M: a dash in a name would end it.
DOMAINS = ('MNIST', 'MNISTM', 'SVHN', 'USPS')
#: Domains that are derived from scikit-learn's digits.
DERIVED = ('blended', 'inverted', 'blurred', 'thin', 'thick')
