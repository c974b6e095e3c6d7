"""2-photon recordings of de Vries et al. (2020), per area and over all areas.

Written by `python -m m2m_benchmarks.benchmarks.registry`; edit the table or the comparison instead.
"""

from brainscore_vision import benchmark_registry

from m2m_benchmarks.benchmarks.comparisons import (
    cka,
    cka_corrected,
    pls,
    pls_noise_corrected,
    procrustes,
    rdm,
    rdm_standardised,
    ridge,
    rmse,
)
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark

AREAS = ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl')

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

benchmark_registry['deVries2020.VISp-rdm'] = lambda: AreaBenchmark('deVries2020', 'VISp', rdm.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISl-rdm'] = lambda: AreaBenchmark('deVries2020', 'VISl', rdm.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISal-rdm'] = lambda: AreaBenchmark('deVries2020', 'VISal', rdm.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISpm-rdm'] = lambda: AreaBenchmark('deVries2020', 'VISpm', rdm.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISam-rdm'] = lambda: AreaBenchmark('deVries2020', 'VISam', rdm.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISrl-rdm'] = lambda: AreaBenchmark('deVries2020', 'VISrl', rdm.COMPARISON, BIBTEX)
benchmark_registry['deVries2020-rdm'] = lambda: MeanBenchmark('deVries2020', rdm.COMPARISON, BIBTEX, AREAS)

benchmark_registry['deVries2020.VISp-rdm_standardised'] = lambda: AreaBenchmark(
    'deVries2020', 'VISp', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISl-rdm_standardised'] = lambda: AreaBenchmark(
    'deVries2020', 'VISl', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISal-rdm_standardised'] = lambda: AreaBenchmark(
    'deVries2020', 'VISal', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISpm-rdm_standardised'] = lambda: AreaBenchmark(
    'deVries2020', 'VISpm', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISam-rdm_standardised'] = lambda: AreaBenchmark(
    'deVries2020', 'VISam', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISrl-rdm_standardised'] = lambda: AreaBenchmark(
    'deVries2020', 'VISrl', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020-rdm_standardised'] = lambda: MeanBenchmark(
    'deVries2020', rdm_standardised.COMPARISON, BIBTEX, AREAS
)

benchmark_registry['deVries2020.VISp-ridge'] = lambda: AreaBenchmark('deVries2020', 'VISp', ridge.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISl-ridge'] = lambda: AreaBenchmark('deVries2020', 'VISl', ridge.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISal-ridge'] = lambda: AreaBenchmark('deVries2020', 'VISal', ridge.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISpm-ridge'] = lambda: AreaBenchmark('deVries2020', 'VISpm', ridge.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISam-ridge'] = lambda: AreaBenchmark('deVries2020', 'VISam', ridge.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISrl-ridge'] = lambda: AreaBenchmark('deVries2020', 'VISrl', ridge.COMPARISON, BIBTEX)
benchmark_registry['deVries2020-ridge'] = lambda: MeanBenchmark('deVries2020', ridge.COMPARISON, BIBTEX, AREAS)

benchmark_registry['deVries2020.VISp-pls'] = lambda: AreaBenchmark('deVries2020', 'VISp', pls.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISl-pls'] = lambda: AreaBenchmark('deVries2020', 'VISl', pls.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISal-pls'] = lambda: AreaBenchmark('deVries2020', 'VISal', pls.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISpm-pls'] = lambda: AreaBenchmark('deVries2020', 'VISpm', pls.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISam-pls'] = lambda: AreaBenchmark('deVries2020', 'VISam', pls.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISrl-pls'] = lambda: AreaBenchmark('deVries2020', 'VISrl', pls.COMPARISON, BIBTEX)
benchmark_registry['deVries2020-pls'] = lambda: MeanBenchmark('deVries2020', pls.COMPARISON, BIBTEX, AREAS)

benchmark_registry['deVries2020.VISp-pls_noise_corrected'] = lambda: AreaBenchmark(
    'deVries2020', 'VISp', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISl-pls_noise_corrected'] = lambda: AreaBenchmark(
    'deVries2020', 'VISl', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISal-pls_noise_corrected'] = lambda: AreaBenchmark(
    'deVries2020', 'VISal', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISpm-pls_noise_corrected'] = lambda: AreaBenchmark(
    'deVries2020', 'VISpm', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISam-pls_noise_corrected'] = lambda: AreaBenchmark(
    'deVries2020', 'VISam', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISrl-pls_noise_corrected'] = lambda: AreaBenchmark(
    'deVries2020', 'VISrl', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020-pls_noise_corrected'] = lambda: MeanBenchmark(
    'deVries2020', pls_noise_corrected.COMPARISON, BIBTEX, AREAS
)

benchmark_registry['deVries2020.VISp-cka'] = lambda: AreaBenchmark('deVries2020', 'VISp', cka.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISl-cka'] = lambda: AreaBenchmark('deVries2020', 'VISl', cka.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISal-cka'] = lambda: AreaBenchmark('deVries2020', 'VISal', cka.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISpm-cka'] = lambda: AreaBenchmark('deVries2020', 'VISpm', cka.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISam-cka'] = lambda: AreaBenchmark('deVries2020', 'VISam', cka.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISrl-cka'] = lambda: AreaBenchmark('deVries2020', 'VISrl', cka.COMPARISON, BIBTEX)
benchmark_registry['deVries2020-cka'] = lambda: MeanBenchmark('deVries2020', cka.COMPARISON, BIBTEX, AREAS)

benchmark_registry['deVries2020.VISp-cka_corrected'] = lambda: AreaBenchmark(
    'deVries2020', 'VISp', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISl-cka_corrected'] = lambda: AreaBenchmark(
    'deVries2020', 'VISl', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISal-cka_corrected'] = lambda: AreaBenchmark(
    'deVries2020', 'VISal', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISpm-cka_corrected'] = lambda: AreaBenchmark(
    'deVries2020', 'VISpm', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISam-cka_corrected'] = lambda: AreaBenchmark(
    'deVries2020', 'VISam', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISrl-cka_corrected'] = lambda: AreaBenchmark(
    'deVries2020', 'VISrl', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020-cka_corrected'] = lambda: MeanBenchmark(
    'deVries2020', cka_corrected.COMPARISON, BIBTEX, AREAS
)

benchmark_registry['deVries2020.VISp-procrustes'] = lambda: AreaBenchmark(
    'deVries2020', 'VISp', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISl-procrustes'] = lambda: AreaBenchmark(
    'deVries2020', 'VISl', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISal-procrustes'] = lambda: AreaBenchmark(
    'deVries2020', 'VISal', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISpm-procrustes'] = lambda: AreaBenchmark(
    'deVries2020', 'VISpm', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISam-procrustes'] = lambda: AreaBenchmark(
    'deVries2020', 'VISam', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020.VISrl-procrustes'] = lambda: AreaBenchmark(
    'deVries2020', 'VISrl', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['deVries2020-procrustes'] = lambda: MeanBenchmark(
    'deVries2020', procrustes.COMPARISON, BIBTEX, AREAS
)

benchmark_registry['deVries2020.VISp-rmse'] = lambda: AreaBenchmark('deVries2020', 'VISp', rmse.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISl-rmse'] = lambda: AreaBenchmark('deVries2020', 'VISl', rmse.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISal-rmse'] = lambda: AreaBenchmark('deVries2020', 'VISal', rmse.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISpm-rmse'] = lambda: AreaBenchmark('deVries2020', 'VISpm', rmse.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISam-rmse'] = lambda: AreaBenchmark('deVries2020', 'VISam', rmse.COMPARISON, BIBTEX)
benchmark_registry['deVries2020.VISrl-rmse'] = lambda: AreaBenchmark('deVries2020', 'VISrl', rmse.COMPARISON, BIBTEX)
benchmark_registry['deVries2020-rmse'] = lambda: MeanBenchmark('deVries2020', rmse.COMPARISON, BIBTEX, AREAS)
