"""2-photon recordings of de Vries et al. (2020), per area and over all areas."""

from brainscore_vision import benchmark_registry

from .benchmark import area, mean

benchmark_registry['deVries2020.VISp-rdm'] = lambda: area('VISp', 'rdm')
benchmark_registry['deVries2020.VISl-rdm'] = lambda: area('VISl', 'rdm')
benchmark_registry['deVries2020.VISal-rdm'] = lambda: area('VISal', 'rdm')
benchmark_registry['deVries2020.VISpm-rdm'] = lambda: area('VISpm', 'rdm')
benchmark_registry['deVries2020.VISam-rdm'] = lambda: area('VISam', 'rdm')
benchmark_registry['deVries2020.VISrl-rdm'] = lambda: area('VISrl', 'rdm')
benchmark_registry['deVries2020-rdm'] = lambda: mean('rdm')

benchmark_registry['deVries2020.VISp-ridge'] = lambda: area('VISp', 'ridge')
benchmark_registry['deVries2020.VISl-ridge'] = lambda: area('VISl', 'ridge')
benchmark_registry['deVries2020.VISal-ridge'] = lambda: area('VISal', 'ridge')
benchmark_registry['deVries2020.VISpm-ridge'] = lambda: area('VISpm', 'ridge')
benchmark_registry['deVries2020.VISam-ridge'] = lambda: area('VISam', 'ridge')
benchmark_registry['deVries2020.VISrl-ridge'] = lambda: area('VISrl', 'ridge')
benchmark_registry['deVries2020-ridge'] = lambda: mean('ridge')
