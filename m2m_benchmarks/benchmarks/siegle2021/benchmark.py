"""Neuropixels recordings of Siegle et al. (2021)."""

from m2m_benchmarks.benchmarks.neural import AreaBenchmark, MeanBenchmark

DATASET = 'Siegle2021'

BIBTEX = """@article{siegle2021survey,
  title={Survey of spiking in the mouse visual system reveals functional hierarchy},
  author={Siegle, Joshua H and Jia, Xiaoxuan and Durand, S{\\'e}verine and Gale, Sam and Bennett, Corbett and
    Graddis, Nile and Heller, Greggory and Ramirez, Tamina K and Choi, Hannah and Luviano, Jennifer A and others},
  journal={Nature},
  volume={592},
  number={7852},
  pages={86--92},
  year={2021},
  publisher={Nature Publishing Group},
  url={https://doi.org/10.1038/s41586-020-03171-x}
}"""


def area(region: str, kind: str) -> AreaBenchmark:
    """One area with one metric."""
    return AreaBenchmark(DATASET, region, kind, BIBTEX)


def mean(kind: str) -> MeanBenchmark:
    """Mean over areas with one metric."""
    return MeanBenchmark(DATASET, kind, BIBTEX)
