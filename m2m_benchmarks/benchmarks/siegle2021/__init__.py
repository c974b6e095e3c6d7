"""Neuropixels recordings of Siegle et al. (2021), per area and over all areas.

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

benchmark_registry['Siegle2021.VISp-rdm'] = lambda: AreaBenchmark('Siegle2021', 'VISp', rdm.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISl-rdm'] = lambda: AreaBenchmark('Siegle2021', 'VISl', rdm.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISal-rdm'] = lambda: AreaBenchmark('Siegle2021', 'VISal', rdm.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISpm-rdm'] = lambda: AreaBenchmark('Siegle2021', 'VISpm', rdm.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISam-rdm'] = lambda: AreaBenchmark('Siegle2021', 'VISam', rdm.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISrl-rdm'] = lambda: AreaBenchmark('Siegle2021', 'VISrl', rdm.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021-rdm'] = lambda: MeanBenchmark('Siegle2021', rdm.COMPARISON, BIBTEX, AREAS)

benchmark_registry['Siegle2021.VISp-rdm_standardised'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISp', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISl-rdm_standardised'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISl', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISal-rdm_standardised'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISal', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISpm-rdm_standardised'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISpm', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISam-rdm_standardised'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISam', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISrl-rdm_standardised'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISrl', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021-rdm_standardised'] = lambda: MeanBenchmark(
    'Siegle2021', rdm_standardised.COMPARISON, BIBTEX, AREAS
)

benchmark_registry['Siegle2021.VISp-ridge'] = lambda: AreaBenchmark('Siegle2021', 'VISp', ridge.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISl-ridge'] = lambda: AreaBenchmark('Siegle2021', 'VISl', ridge.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISal-ridge'] = lambda: AreaBenchmark('Siegle2021', 'VISal', ridge.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISpm-ridge'] = lambda: AreaBenchmark('Siegle2021', 'VISpm', ridge.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISam-ridge'] = lambda: AreaBenchmark('Siegle2021', 'VISam', ridge.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISrl-ridge'] = lambda: AreaBenchmark('Siegle2021', 'VISrl', ridge.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021-ridge'] = lambda: MeanBenchmark('Siegle2021', ridge.COMPARISON, BIBTEX, AREAS)

benchmark_registry['Siegle2021.VISp-pls'] = lambda: AreaBenchmark('Siegle2021', 'VISp', pls.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISl-pls'] = lambda: AreaBenchmark('Siegle2021', 'VISl', pls.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISal-pls'] = lambda: AreaBenchmark('Siegle2021', 'VISal', pls.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISpm-pls'] = lambda: AreaBenchmark('Siegle2021', 'VISpm', pls.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISam-pls'] = lambda: AreaBenchmark('Siegle2021', 'VISam', pls.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISrl-pls'] = lambda: AreaBenchmark('Siegle2021', 'VISrl', pls.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021-pls'] = lambda: MeanBenchmark('Siegle2021', pls.COMPARISON, BIBTEX, AREAS)

benchmark_registry['Siegle2021.VISp-pls_noise_corrected'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISp', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISl-pls_noise_corrected'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISl', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISal-pls_noise_corrected'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISal', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISpm-pls_noise_corrected'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISpm', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISam-pls_noise_corrected'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISam', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISrl-pls_noise_corrected'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISrl', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021-pls_noise_corrected'] = lambda: MeanBenchmark(
    'Siegle2021', pls_noise_corrected.COMPARISON, BIBTEX, AREAS
)

benchmark_registry['Siegle2021.VISp-cka'] = lambda: AreaBenchmark('Siegle2021', 'VISp', cka.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISl-cka'] = lambda: AreaBenchmark('Siegle2021', 'VISl', cka.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISal-cka'] = lambda: AreaBenchmark('Siegle2021', 'VISal', cka.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISpm-cka'] = lambda: AreaBenchmark('Siegle2021', 'VISpm', cka.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISam-cka'] = lambda: AreaBenchmark('Siegle2021', 'VISam', cka.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISrl-cka'] = lambda: AreaBenchmark('Siegle2021', 'VISrl', cka.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021-cka'] = lambda: MeanBenchmark('Siegle2021', cka.COMPARISON, BIBTEX, AREAS)

benchmark_registry['Siegle2021.VISp-cka_corrected'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISp', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISl-cka_corrected'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISl', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISal-cka_corrected'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISal', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISpm-cka_corrected'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISpm', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISam-cka_corrected'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISam', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISrl-cka_corrected'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISrl', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021-cka_corrected'] = lambda: MeanBenchmark(
    'Siegle2021', cka_corrected.COMPARISON, BIBTEX, AREAS
)

benchmark_registry['Siegle2021.VISp-procrustes'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISp', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISl-procrustes'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISl', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISal-procrustes'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISal', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISpm-procrustes'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISpm', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISam-procrustes'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISam', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021.VISrl-procrustes'] = lambda: AreaBenchmark(
    'Siegle2021', 'VISrl', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['Siegle2021-procrustes'] = lambda: MeanBenchmark('Siegle2021', procrustes.COMPARISON, BIBTEX, AREAS)

benchmark_registry['Siegle2021.VISp-rmse'] = lambda: AreaBenchmark('Siegle2021', 'VISp', rmse.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISl-rmse'] = lambda: AreaBenchmark('Siegle2021', 'VISl', rmse.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISal-rmse'] = lambda: AreaBenchmark('Siegle2021', 'VISal', rmse.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISpm-rmse'] = lambda: AreaBenchmark('Siegle2021', 'VISpm', rmse.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISam-rmse'] = lambda: AreaBenchmark('Siegle2021', 'VISam', rmse.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021.VISrl-rmse'] = lambda: AreaBenchmark('Siegle2021', 'VISrl', rmse.COMPARISON, BIBTEX)
benchmark_registry['Siegle2021-rmse'] = lambda: MeanBenchmark('Siegle2021', rmse.COMPARISON, BIBTEX, AREAS)
