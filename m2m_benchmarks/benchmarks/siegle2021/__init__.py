"""Neuropixels recordings of Siegle et al. (2021), per area and over all areas."""

from brainscore_vision import benchmark_registry

from .benchmark import area, mean

benchmark_registry['Siegle2021.VISp-rdm'] = lambda: area('VISp', 'rdm')
benchmark_registry['Siegle2021.VISl-rdm'] = lambda: area('VISl', 'rdm')
benchmark_registry['Siegle2021.VISal-rdm'] = lambda: area('VISal', 'rdm')
benchmark_registry['Siegle2021.VISpm-rdm'] = lambda: area('VISpm', 'rdm')
benchmark_registry['Siegle2021.VISam-rdm'] = lambda: area('VISam', 'rdm')
benchmark_registry['Siegle2021.VISrl-rdm'] = lambda: area('VISrl', 'rdm')
benchmark_registry['Siegle2021-rdm'] = lambda: mean('rdm')

benchmark_registry['Siegle2021.VISp-ridge'] = lambda: area('VISp', 'ridge')
benchmark_registry['Siegle2021.VISl-ridge'] = lambda: area('VISl', 'ridge')
benchmark_registry['Siegle2021.VISal-ridge'] = lambda: area('VISal', 'ridge')
benchmark_registry['Siegle2021.VISpm-ridge'] = lambda: area('VISpm', 'ridge')
benchmark_registry['Siegle2021.VISam-ridge'] = lambda: area('VISam', 'ridge')
benchmark_registry['Siegle2021.VISrl-ridge'] = lambda: area('VISrl', 'ridge')
benchmark_registry['Siegle2021-ridge'] = lambda: mean('ridge')
