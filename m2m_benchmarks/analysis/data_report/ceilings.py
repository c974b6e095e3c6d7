"""Ceilings of an area: what a perfect model would get, by the comparisons of the benchmarks."""

from dataclasses import dataclass

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly

from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.benchmarks.recordings import AreaRecordings
from m2m_benchmarks.errors import BenchmarkError


@dataclass(frozen=True, eq=False)
class AreaCeilings:
    """Ceilings of an area, on all its reliable neuroids; None for those that the recordings don't have.

    Attributes
    ----------
    area : str
    population, trials, animals : float or None
        Ceilings of `-rdm`: of a model of these animals' populations, of the noise of the trials alone, and of a model
        of the species.
    bounds : (lower, upper) or None
        Noise ceiling over animals (Nili et al. 2014).
    regression : float or None
        Ceiling of `-ridge`: the median split-half reliability.
    reason : str
        Why there is no ceiling of `-rdm`; '' if there is one.
    recordings : AreaRecordings or None
        Recordings that a benchmark would score on.
    """

    area: str
    population: float | None = None
    trials: float | None = None
    animals: float | None = None
    bounds: tuple[float, float] | None = None
    regression: float | None = None
    reason: str = ''
    recordings: AreaRecordings | None = None


def area_ceilings(dataset: str, area: str, assembly: NeuronRecordingAssembly) -> AreaCeilings:
    """Compute the ceilings of an area, as scores have them on all neuroids and without draws.

    Parameters
    ----------
    dataset, area : str
    assembly : NeuronRecordingAssembly
        Recordings of the dataset.
    """
    rdm, ridge = load_comparison('rdm'), load_comparison('ridge')
    try:
        recorded = AreaBenchmark(dataset, area, rdm, assembly=assembly).recordings
    except BenchmarkError as error:
        return AreaCeilings(area, reason=str(error))
    further = rdm.further(recorded)
    bounds = further.get('animal_bounds')
    regression = None
    if len(recorded.trials) > 1 and recorded.mean.sizes['presentation'] >= ridge.min_stimuli:
        regression = _finite(ridge.ceiling(recorded).value)
    return AreaCeilings(
        area,
        population=_finite(rdm.ceiling(recorded).value),
        trials=_finite(further.get('trial_ceiling')),
        animals=_finite(further.get('animal_ceiling')),
        bounds=None if bounds is None else (bounds['lower'], bounds['upper']),
        regression=regression,
        recordings=recorded,
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
