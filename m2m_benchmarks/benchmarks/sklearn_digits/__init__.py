"""scikit-learn's digits and five domains that this package derives from them: fitted to one domain, scored on others.

Written by `python -m m2m_benchmarks.benchmarks.registry`; edit the table or the comparison instead.
"""

from brainscore_vision import benchmark_registry

from m2m_benchmarks.benchmarks.generalization import digits_benchmark

benchmark_registry['SklearnDigits-accuracy'] = lambda: digits_benchmark('SklearnDigits-accuracy')
benchmark_registry['SklearnDigits.blended-accuracy'] = lambda: digits_benchmark('SklearnDigits.blended-accuracy')
benchmark_registry['SklearnDigits.inverted-accuracy'] = lambda: digits_benchmark('SklearnDigits.inverted-accuracy')
benchmark_registry['SklearnDigits.blurred-accuracy'] = lambda: digits_benchmark('SklearnDigits.blurred-accuracy')
benchmark_registry['SklearnDigits.thin-accuracy'] = lambda: digits_benchmark('SklearnDigits.thin-accuracy')
benchmark_registry['SklearnDigits.thick-accuracy'] = lambda: digits_benchmark('SklearnDigits.thick-accuracy')

benchmark_registry['SklearnDigits-readout_accuracy'] = lambda: digits_benchmark('SklearnDigits-readout_accuracy')
benchmark_registry['SklearnDigits.blended-readout_accuracy'] = lambda: digits_benchmark(
    'SklearnDigits.blended-readout_accuracy'
)
benchmark_registry['SklearnDigits.inverted-readout_accuracy'] = lambda: digits_benchmark(
    'SklearnDigits.inverted-readout_accuracy'
)
benchmark_registry['SklearnDigits.blurred-readout_accuracy'] = lambda: digits_benchmark(
    'SklearnDigits.blurred-readout_accuracy'
)
benchmark_registry['SklearnDigits.thin-readout_accuracy'] = lambda: digits_benchmark(
    'SklearnDigits.thin-readout_accuracy'
)
benchmark_registry['SklearnDigits.thick-readout_accuracy'] = lambda: digits_benchmark(
    'SklearnDigits.thick-readout_accuracy'
)
