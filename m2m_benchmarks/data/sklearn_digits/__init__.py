"""scikit-learn's 8 x 8 digits, and domains that this package derives from them, without any download.

Written by `python -m m2m_benchmarks.benchmarks.registry`; edit `data/digit_names.py` instead.
"""

import functools

from brainscore_vision import stimulus_set_registry

from .domains import load_sklearn_stimuli

stimulus_set_registry['SklearnDigits_train'] = functools.partial(load_sklearn_stimuli, 'train')
stimulus_set_registry['SklearnDigits_test'] = functools.partial(load_sklearn_stimuli, 'test')
stimulus_set_registry['SklearnDigits_blended'] = functools.partial(load_sklearn_stimuli, 'blended')
stimulus_set_registry['SklearnDigits_inverted'] = functools.partial(load_sklearn_stimuli, 'inverted')
stimulus_set_registry['SklearnDigits_blurred'] = functools.partial(load_sklearn_stimuli, 'blurred')
stimulus_set_registry['SklearnDigits_thin'] = functools.partial(load_sklearn_stimuli, 'thin')
stimulus_set_registry['SklearnDigits_thick'] = functools.partial(load_sklearn_stimuli, 'thick')
