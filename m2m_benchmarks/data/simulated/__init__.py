"""Simulated recordings of mice, whose tuning, noise and reliability are known in closed form."""

from brainscore_vision import data_registry, stimulus_set_registry

from m2m_benchmarks.data.simulated.dataset import load_simulated_assembly, load_simulated_stimuli

stimulus_set_registry['SimulatedMouse'] = load_simulated_stimuli

data_registry['SimulatedMouse'] = load_simulated_assembly

BIBTEX = ''
