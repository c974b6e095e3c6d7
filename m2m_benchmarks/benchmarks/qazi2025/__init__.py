"""Digits of four domains (Qazi, Jalil & Iqbal 2025): fitted to one, scored on the others, or on a single one."""

from brainscore_vision import benchmark_registry

from .benchmark import mean, one

benchmark_registry['Qazi2025.MNIST-accuracy'] = lambda: mean('MNIST', 'accuracy')
benchmark_registry['Qazi2025.MNISTM-accuracy'] = lambda: mean('MNISTM', 'accuracy')
benchmark_registry['Qazi2025.SVHN-accuracy'] = lambda: mean('SVHN', 'accuracy')
benchmark_registry['Qazi2025.USPS-accuracy'] = lambda: mean('USPS', 'accuracy')
benchmark_registry['Qazi2025.MNIST.MNISTM-accuracy'] = lambda: one('MNIST', 'MNISTM', 'accuracy')
benchmark_registry['Qazi2025.MNIST.SVHN-accuracy'] = lambda: one('MNIST', 'SVHN', 'accuracy')
benchmark_registry['Qazi2025.MNIST.USPS-accuracy'] = lambda: one('MNIST', 'USPS', 'accuracy')
benchmark_registry['Qazi2025.MNISTM.MNIST-accuracy'] = lambda: one('MNISTM', 'MNIST', 'accuracy')
benchmark_registry['Qazi2025.MNISTM.SVHN-accuracy'] = lambda: one('MNISTM', 'SVHN', 'accuracy')
benchmark_registry['Qazi2025.MNISTM.USPS-accuracy'] = lambda: one('MNISTM', 'USPS', 'accuracy')
benchmark_registry['Qazi2025.SVHN.MNIST-accuracy'] = lambda: one('SVHN', 'MNIST', 'accuracy')
benchmark_registry['Qazi2025.SVHN.MNISTM-accuracy'] = lambda: one('SVHN', 'MNISTM', 'accuracy')
benchmark_registry['Qazi2025.SVHN.USPS-accuracy'] = lambda: one('SVHN', 'USPS', 'accuracy')
benchmark_registry['Qazi2025.USPS.MNIST-accuracy'] = lambda: one('USPS', 'MNIST', 'accuracy')
benchmark_registry['Qazi2025.USPS.MNISTM-accuracy'] = lambda: one('USPS', 'MNISTM', 'accuracy')
benchmark_registry['Qazi2025.USPS.SVHN-accuracy'] = lambda: one('USPS', 'SVHN', 'accuracy')

benchmark_registry['Qazi2025.MNIST-readout_accuracy'] = lambda: mean('MNIST', 'readout_accuracy')
benchmark_registry['Qazi2025.MNISTM-readout_accuracy'] = lambda: mean('MNISTM', 'readout_accuracy')
benchmark_registry['Qazi2025.SVHN-readout_accuracy'] = lambda: mean('SVHN', 'readout_accuracy')
benchmark_registry['Qazi2025.USPS-readout_accuracy'] = lambda: mean('USPS', 'readout_accuracy')
benchmark_registry['Qazi2025.MNIST.MNISTM-readout_accuracy'] = lambda: one('MNIST', 'MNISTM', 'readout_accuracy')
benchmark_registry['Qazi2025.MNIST.SVHN-readout_accuracy'] = lambda: one('MNIST', 'SVHN', 'readout_accuracy')
benchmark_registry['Qazi2025.MNIST.USPS-readout_accuracy'] = lambda: one('MNIST', 'USPS', 'readout_accuracy')
benchmark_registry['Qazi2025.MNISTM.MNIST-readout_accuracy'] = lambda: one('MNISTM', 'MNIST', 'readout_accuracy')
benchmark_registry['Qazi2025.MNISTM.SVHN-readout_accuracy'] = lambda: one('MNISTM', 'SVHN', 'readout_accuracy')
benchmark_registry['Qazi2025.MNISTM.USPS-readout_accuracy'] = lambda: one('MNISTM', 'USPS', 'readout_accuracy')
benchmark_registry['Qazi2025.SVHN.MNIST-readout_accuracy'] = lambda: one('SVHN', 'MNIST', 'readout_accuracy')
benchmark_registry['Qazi2025.SVHN.MNISTM-readout_accuracy'] = lambda: one('SVHN', 'MNISTM', 'readout_accuracy')
benchmark_registry['Qazi2025.SVHN.USPS-readout_accuracy'] = lambda: one('SVHN', 'USPS', 'readout_accuracy')
benchmark_registry['Qazi2025.USPS.MNIST-readout_accuracy'] = lambda: one('USPS', 'MNIST', 'readout_accuracy')
benchmark_registry['Qazi2025.USPS.MNISTM-readout_accuracy'] = lambda: one('USPS', 'MNISTM', 'readout_accuracy')
benchmark_registry['Qazi2025.USPS.SVHN-readout_accuracy'] = lambda: one('USPS', 'SVHN', 'readout_accuracy')
