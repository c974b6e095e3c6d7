"""2-photon recordings of six visual areas in response to the Allen Institute's natural scenes."""

from brainscore_vision import data_registry, stimulus_set_registry

from m2m_benchmarks.data.citations import DEVRIES2020 as BIBTEX  # noqa: F401
from m2m_benchmarks.data.store import load_assembly, load_stimuli

stimulus_set_registry['deVries2020'] = lambda: load_stimuli('deVries2020')

data_registry['deVries2020'] = lambda: load_assembly('deVries2020')
