"""Domain generalization on scikit-learn's digits and domains derived from them."""

from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark

NAME = 'SklearnDigits'
DERIVED = ('blended', 'inverted', 'blurred', 'thin', 'thick')

BIBTEX = ''


def mean(protocol: str) -> GeneralizationBenchmark:
    """All derived domains."""
    targets = {name: f'{NAME}_{name}' for name in DERIVED}
    return GeneralizationBenchmark(f'{NAME}-{protocol}', NAME, targets, protocol, BIBTEX)


def one(target: str, protocol: str) -> GeneralizationBenchmark:
    """One derived domain."""
    return GeneralizationBenchmark(f'{NAME}.{target}-{protocol}', NAME, {target: f'{NAME}_{target}'}, protocol, BIBTEX)
