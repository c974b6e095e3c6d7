"""Domain generalization on scikit-learn's digits and domains derived from them."""

from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark

NAME = 'SklearnDigits'
DERIVED = ('blended', 'inverted', 'blurred', 'thin', 'thick')

BIBTEX = ''


def mean(protocol: str) -> GeneralizationBenchmark:
    """All derived domains."""
    targets = {name: f'{NAME}_{name}' for name in DERIVED}
    return GeneralizationBenchmark(f'{NAME}-{protocol}', NAME, targets, protocol, BIBTEX, same_digits=True)


def one(target: str, protocol: str) -> GeneralizationBenchmark:
    """One derived domain."""
    targets = {target: f'{NAME}_{target}'}
    return GeneralizationBenchmark(f'{NAME}.{target}-{protocol}', NAME, targets, protocol, BIBTEX, same_digits=True)
