"""scikit-learn's digits: fitted to them, scored on domains that this package derives from them."""

from brainscore_vision import benchmark_registry

from .benchmark import mean, one

benchmark_registry['SklearnDigits-accuracy'] = lambda: mean('accuracy')
benchmark_registry['SklearnDigits.blended-accuracy'] = lambda: one('blended', 'accuracy')
benchmark_registry['SklearnDigits.inverted-accuracy'] = lambda: one('inverted', 'accuracy')
benchmark_registry['SklearnDigits.blurred-accuracy'] = lambda: one('blurred', 'accuracy')
benchmark_registry['SklearnDigits.thin-accuracy'] = lambda: one('thin', 'accuracy')
benchmark_registry['SklearnDigits.thick-accuracy'] = lambda: one('thick', 'accuracy')

benchmark_registry['SklearnDigits-readout_accuracy'] = lambda: mean('readout_accuracy')
benchmark_registry['SklearnDigits.blended-readout_accuracy'] = lambda: one('blended', 'readout_accuracy')
benchmark_registry['SklearnDigits.inverted-readout_accuracy'] = lambda: one('inverted', 'readout_accuracy')
benchmark_registry['SklearnDigits.blurred-readout_accuracy'] = lambda: one('blurred', 'readout_accuracy')
benchmark_registry['SklearnDigits.thin-readout_accuracy'] = lambda: one('thin', 'readout_accuracy')
benchmark_registry['SklearnDigits.thick-readout_accuracy'] = lambda: one('thick', 'readout_accuracy')
