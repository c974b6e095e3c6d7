"""Neuropixels recordings of six visual areas in response to the Allen Institute's natural scenes."""

from brainscore_vision import data_registry, stimulus_set_registry

from m2m_benchmarks.data.citations import SIEGLE2021 as BIBTEX  # noqa: F401
from m2m_benchmarks.data.store import load_assembly, load_stimuli

stimulus_set_registry['Siegle2021'] = lambda: load_stimuli('Siegle2021')

data_registry['Siegle2021'] = lambda: load_assembly('Siegle2021')
