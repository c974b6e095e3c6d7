"""Domain generalization of Qazi, Jalil & Iqbal (2025): digits of four domains."""

from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark

NAME = 'Qazi2025'
DOMAINS = ('MNIST', 'MNISTM', 'SVHN', 'USPS')

BIBTEX = """@article{qazi2025mice,
  title={Mice to Machines: Neural Representations from Visual Cortex for Domain Generalization},
  author={Qazi, Ahmed and Jalil, Hamd and Iqbal, Asim},
  journal={arXiv preprint arXiv:2505.06886},
  year={2025}
}"""


def mean(source: str, protocol: str) -> GeneralizationBenchmark:
    """All domains of the paper but the source."""
    targets = {name: f'{name}_test' for name in DOMAINS if name != source}
    return GeneralizationBenchmark(f'{NAME}.{source}-{protocol}', source, targets, protocol, BIBTEX)


def one(source: str, target: str, protocol: str) -> GeneralizationBenchmark:
    """One target domain."""
    identifier = f'{NAME}.{source}.{target}-{protocol}'
    return GeneralizationBenchmark(identifier, source, {target: f'{target}_test'}, protocol, BIBTEX)
