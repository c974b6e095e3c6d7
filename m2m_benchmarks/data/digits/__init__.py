"""Domains of digits, MNIST, MNISTM, SVHN, USPS, as 32 x 32 RGB images.

Written by `python -m m2m_benchmarks.benchmarks.registry`; edit `data/digit_names.py` instead.
"""

import functools

from brainscore_vision import stimulus_set_registry

from .domains import load_digit_stimuli

stimulus_set_registry['MNIST_train'] = functools.partial(load_digit_stimuli, 'MNIST_train')
stimulus_set_registry['MNIST_test'] = functools.partial(load_digit_stimuli, 'MNIST_test')
stimulus_set_registry['MNISTM_train'] = functools.partial(load_digit_stimuli, 'MNISTM_train')
stimulus_set_registry['MNISTM_test'] = functools.partial(load_digit_stimuli, 'MNISTM_test')
stimulus_set_registry['SVHN_train'] = functools.partial(load_digit_stimuli, 'SVHN_train')
stimulus_set_registry['SVHN_test'] = functools.partial(load_digit_stimuli, 'SVHN_test')
stimulus_set_registry['USPS_train'] = functools.partial(load_digit_stimuli, 'USPS_train')
stimulus_set_registry['USPS_test'] = functools.partial(load_digit_stimuli, 'USPS_test')
