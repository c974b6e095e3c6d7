"""Simulated recordings, known in closed form, per area and over all areas.

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

BIBTEX = ''

benchmark_registry['SimulatedMouse.VISp-rdm'] = lambda: AreaBenchmark('SimulatedMouse', 'VISp', rdm.COMPARISON, BIBTEX)
benchmark_registry['SimulatedMouse.VISl-rdm'] = lambda: AreaBenchmark('SimulatedMouse', 'VISl', rdm.COMPARISON, BIBTEX)
benchmark_registry['SimulatedMouse.VISal-rdm'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISal', rdm.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISpm-rdm'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISpm', rdm.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISam-rdm'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISam', rdm.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISrl-rdm'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISrl', rdm.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse-rdm'] = lambda: MeanBenchmark('SimulatedMouse', rdm.COMPARISON, BIBTEX, AREAS)

benchmark_registry['SimulatedMouse.VISp-rdm_standardised'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISp', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISl-rdm_standardised'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISl', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISal-rdm_standardised'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISal', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISpm-rdm_standardised'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISpm', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISam-rdm_standardised'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISam', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISrl-rdm_standardised'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISrl', rdm_standardised.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse-rdm_standardised'] = lambda: MeanBenchmark(
    'SimulatedMouse', rdm_standardised.COMPARISON, BIBTEX, AREAS
)

benchmark_registry['SimulatedMouse.VISp-ridge'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISp', ridge.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISl-ridge'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISl', ridge.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISal-ridge'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISal', ridge.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISpm-ridge'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISpm', ridge.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISam-ridge'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISam', ridge.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISrl-ridge'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISrl', ridge.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse-ridge'] = lambda: MeanBenchmark('SimulatedMouse', ridge.COMPARISON, BIBTEX, AREAS)

benchmark_registry['SimulatedMouse.VISp-pls'] = lambda: AreaBenchmark('SimulatedMouse', 'VISp', pls.COMPARISON, BIBTEX)
benchmark_registry['SimulatedMouse.VISl-pls'] = lambda: AreaBenchmark('SimulatedMouse', 'VISl', pls.COMPARISON, BIBTEX)
benchmark_registry['SimulatedMouse.VISal-pls'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISal', pls.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISpm-pls'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISpm', pls.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISam-pls'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISam', pls.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISrl-pls'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISrl', pls.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse-pls'] = lambda: MeanBenchmark('SimulatedMouse', pls.COMPARISON, BIBTEX, AREAS)

benchmark_registry['SimulatedMouse.VISp-pls_noise_corrected'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISp', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISl-pls_noise_corrected'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISl', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISal-pls_noise_corrected'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISal', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISpm-pls_noise_corrected'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISpm', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISam-pls_noise_corrected'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISam', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISrl-pls_noise_corrected'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISrl', pls_noise_corrected.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse-pls_noise_corrected'] = lambda: MeanBenchmark(
    'SimulatedMouse', pls_noise_corrected.COMPARISON, BIBTEX, AREAS
)

benchmark_registry['SimulatedMouse.VISp-cka'] = lambda: AreaBenchmark('SimulatedMouse', 'VISp', cka.COMPARISON, BIBTEX)
benchmark_registry['SimulatedMouse.VISl-cka'] = lambda: AreaBenchmark('SimulatedMouse', 'VISl', cka.COMPARISON, BIBTEX)
benchmark_registry['SimulatedMouse.VISal-cka'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISal', cka.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISpm-cka'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISpm', cka.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISam-cka'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISam', cka.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISrl-cka'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISrl', cka.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse-cka'] = lambda: MeanBenchmark('SimulatedMouse', cka.COMPARISON, BIBTEX, AREAS)

benchmark_registry['SimulatedMouse.VISp-cka_corrected'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISp', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISl-cka_corrected'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISl', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISal-cka_corrected'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISal', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISpm-cka_corrected'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISpm', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISam-cka_corrected'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISam', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISrl-cka_corrected'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISrl', cka_corrected.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse-cka_corrected'] = lambda: MeanBenchmark(
    'SimulatedMouse', cka_corrected.COMPARISON, BIBTEX, AREAS
)

benchmark_registry['SimulatedMouse.VISp-procrustes'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISp', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISl-procrustes'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISl', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISal-procrustes'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISal', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISpm-procrustes'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISpm', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISam-procrustes'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISam', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISrl-procrustes'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISrl', procrustes.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse-procrustes'] = lambda: MeanBenchmark(
    'SimulatedMouse', procrustes.COMPARISON, BIBTEX, AREAS
)

benchmark_registry['SimulatedMouse.VISp-rmse'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISp', rmse.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISl-rmse'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISl', rmse.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISal-rmse'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISal', rmse.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISpm-rmse'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISpm', rmse.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISam-rmse'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISam', rmse.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse.VISrl-rmse'] = lambda: AreaBenchmark(
    'SimulatedMouse', 'VISrl', rmse.COMPARISON, BIBTEX
)
benchmark_registry['SimulatedMouse-rmse'] = lambda: MeanBenchmark('SimulatedMouse', rmse.COMPARISON, BIBTEX, AREAS)
