"""Simulated recordings, known in closed form, per area and over all areas."""

from brainscore_vision import benchmark_registry

from .benchmark import area, mean

benchmark_registry['SimulatedMouse.VISp-rdm'] = lambda: area('VISp', 'rdm')
benchmark_registry['SimulatedMouse.VISl-rdm'] = lambda: area('VISl', 'rdm')
benchmark_registry['SimulatedMouse.VISal-rdm'] = lambda: area('VISal', 'rdm')
benchmark_registry['SimulatedMouse.VISpm-rdm'] = lambda: area('VISpm', 'rdm')
benchmark_registry['SimulatedMouse.VISam-rdm'] = lambda: area('VISam', 'rdm')
benchmark_registry['SimulatedMouse.VISrl-rdm'] = lambda: area('VISrl', 'rdm')
benchmark_registry['SimulatedMouse-rdm'] = lambda: mean('rdm')

benchmark_registry['SimulatedMouse.VISp-ridge'] = lambda: area('VISp', 'ridge')
benchmark_registry['SimulatedMouse.VISl-ridge'] = lambda: area('VISl', 'ridge')
benchmark_registry['SimulatedMouse.VISal-ridge'] = lambda: area('VISal', 'ridge')
benchmark_registry['SimulatedMouse.VISpm-ridge'] = lambda: area('VISpm', 'ridge')
benchmark_registry['SimulatedMouse.VISam-ridge'] = lambda: area('VISam', 'ridge')
benchmark_registry['SimulatedMouse.VISrl-ridge'] = lambda: area('VISrl', 'ridge')
benchmark_registry['SimulatedMouse-ridge'] = lambda: mean('ridge')
