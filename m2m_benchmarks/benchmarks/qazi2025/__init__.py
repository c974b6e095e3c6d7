"""Digits of four domains (Qazi, Jalil & Iqbal 2025): fitted to one domain, scored on others.

Written by `python -m m2m_benchmarks.benchmarks.registry`; edit the table or the comparison instead.
"""

from brainscore_vision import benchmark_registry

from m2m_benchmarks.benchmarks.generalization import digits_benchmark

benchmark_registry['Qazi2025.MNIST-accuracy'] = lambda: digits_benchmark('Qazi2025.MNIST-accuracy')
benchmark_registry['Qazi2025.MNISTM-accuracy'] = lambda: digits_benchmark('Qazi2025.MNISTM-accuracy')
benchmark_registry['Qazi2025.SVHN-accuracy'] = lambda: digits_benchmark('Qazi2025.SVHN-accuracy')
benchmark_registry['Qazi2025.USPS-accuracy'] = lambda: digits_benchmark('Qazi2025.USPS-accuracy')
benchmark_registry['Qazi2025.MNIST.MNISTM-accuracy'] = lambda: digits_benchmark('Qazi2025.MNIST.MNISTM-accuracy')
benchmark_registry['Qazi2025.MNIST.SVHN-accuracy'] = lambda: digits_benchmark('Qazi2025.MNIST.SVHN-accuracy')
benchmark_registry['Qazi2025.MNIST.USPS-accuracy'] = lambda: digits_benchmark('Qazi2025.MNIST.USPS-accuracy')
benchmark_registry['Qazi2025.MNISTM.MNIST-accuracy'] = lambda: digits_benchmark('Qazi2025.MNISTM.MNIST-accuracy')
benchmark_registry['Qazi2025.MNISTM.SVHN-accuracy'] = lambda: digits_benchmark('Qazi2025.MNISTM.SVHN-accuracy')
benchmark_registry['Qazi2025.MNISTM.USPS-accuracy'] = lambda: digits_benchmark('Qazi2025.MNISTM.USPS-accuracy')
benchmark_registry['Qazi2025.SVHN.MNIST-accuracy'] = lambda: digits_benchmark('Qazi2025.SVHN.MNIST-accuracy')
benchmark_registry['Qazi2025.SVHN.MNISTM-accuracy'] = lambda: digits_benchmark('Qazi2025.SVHN.MNISTM-accuracy')
benchmark_registry['Qazi2025.SVHN.USPS-accuracy'] = lambda: digits_benchmark('Qazi2025.SVHN.USPS-accuracy')
benchmark_registry['Qazi2025.USPS.MNIST-accuracy'] = lambda: digits_benchmark('Qazi2025.USPS.MNIST-accuracy')
benchmark_registry['Qazi2025.USPS.MNISTM-accuracy'] = lambda: digits_benchmark('Qazi2025.USPS.MNISTM-accuracy')
benchmark_registry['Qazi2025.USPS.SVHN-accuracy'] = lambda: digits_benchmark('Qazi2025.USPS.SVHN-accuracy')

benchmark_registry['Qazi2025.MNIST-readout_accuracy'] = lambda: digits_benchmark('Qazi2025.MNIST-readout_accuracy')
benchmark_registry['Qazi2025.MNISTM-readout_accuracy'] = lambda: digits_benchmark('Qazi2025.MNISTM-readout_accuracy')
benchmark_registry['Qazi2025.SVHN-readout_accuracy'] = lambda: digits_benchmark('Qazi2025.SVHN-readout_accuracy')
benchmark_registry['Qazi2025.USPS-readout_accuracy'] = lambda: digits_benchmark('Qazi2025.USPS-readout_accuracy')
benchmark_registry['Qazi2025.MNIST.MNISTM-readout_accuracy'] = lambda: digits_benchmark(
    'Qazi2025.MNIST.MNISTM-readout_accuracy'
)
benchmark_registry['Qazi2025.MNIST.SVHN-readout_accuracy'] = lambda: digits_benchmark(
    'Qazi2025.MNIST.SVHN-readout_accuracy'
)
benchmark_registry['Qazi2025.MNIST.USPS-readout_accuracy'] = lambda: digits_benchmark(
    'Qazi2025.MNIST.USPS-readout_accuracy'
)
benchmark_registry['Qazi2025.MNISTM.MNIST-readout_accuracy'] = lambda: digits_benchmark(
    'Qazi2025.MNISTM.MNIST-readout_accuracy'
)
benchmark_registry['Qazi2025.MNISTM.SVHN-readout_accuracy'] = lambda: digits_benchmark(
    'Qazi2025.MNISTM.SVHN-readout_accuracy'
)
benchmark_registry['Qazi2025.MNISTM.USPS-readout_accuracy'] = lambda: digits_benchmark(
    'Qazi2025.MNISTM.USPS-readout_accuracy'
)
benchmark_registry['Qazi2025.SVHN.MNIST-readout_accuracy'] = lambda: digits_benchmark(
    'Qazi2025.SVHN.MNIST-readout_accuracy'
)
benchmark_registry['Qazi2025.SVHN.MNISTM-readout_accuracy'] = lambda: digits_benchmark(
    'Qazi2025.SVHN.MNISTM-readout_accuracy'
)
benchmark_registry['Qazi2025.SVHN.USPS-readout_accuracy'] = lambda: digits_benchmark(
    'Qazi2025.SVHN.USPS-readout_accuracy'
)
benchmark_registry['Qazi2025.USPS.MNIST-readout_accuracy'] = lambda: digits_benchmark(
    'Qazi2025.USPS.MNIST-readout_accuracy'
)
benchmark_registry['Qazi2025.USPS.MNISTM-readout_accuracy'] = lambda: digits_benchmark(
    'Qazi2025.USPS.MNISTM-readout_accuracy'
)
benchmark_registry['Qazi2025.USPS.SVHN-readout_accuracy'] = lambda: digits_benchmark(
    'Qazi2025.USPS.SVHN-readout_accuracy'
)
