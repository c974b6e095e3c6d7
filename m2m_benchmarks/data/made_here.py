"""Datasets that this library makes on first use. This module imports nothing heavy, for listings."""

from m2m_benchmarks.data.digit_names import DERIVED_DIGITS

#: Recordings of a simulated population.
SIMULATED_MOUSE = 'SimulatedMouse'
#: Name of each dataset to what its scores mean, a sentence for tables.
MADE_HERE = {
    SIMULATED_MOUSE: f'{SIMULATED_MOUSE} is simulated: these numbers say nothing about any mouse.',
    DERIVED_DIGITS: f"{DERIVED_DIGITS} are scikit-learn's digits and domains derived from them, "
    'not those of the paper.',
}
