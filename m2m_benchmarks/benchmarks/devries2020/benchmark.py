"""2-photon recordings of de Vries et al. (2020)."""

from m2m_benchmarks.benchmarks.neural import AreaBenchmark, MeanBenchmark
from m2m_benchmarks.data.populations import POPULATIONS

DATASET = 'deVries2020'

BIBTEX = """@article{devries2020large,
  title={A large-scale standardized physiological survey reveals functional organization of the mouse visual cortex},
  author={de Vries, Saskia E J and Lecoq, Jerome A and Buice, Michael A and Groblewski, Peter A and
    Ocker, Gabriel K and Oliver, Michael and Feng, David and Cain, Nicholas and Ledochowitsch, Peter and
    Millman, Daniel and others},
  journal={Nature Neuroscience},
  volume={23},
  number={1},
  pages={138--151},
  year={2020},
  publisher={Nature Publishing Group},
  url={https://doi.org/10.1038/s41593-019-0550-9}
}"""


def area(region: str, kind: str, population: str | None = None) -> AreaBenchmark:
    """One area, or one of `POPULATIONS` of its cells, with one metric."""
    return AreaBenchmark(DATASET, region, kind, BIBTEX, POPULATIONS[population] if population else None)


def mean(kind: str) -> MeanBenchmark:
    """Mean over areas with one metric."""
    return MeanBenchmark(DATASET, kind, BIBTEX)
