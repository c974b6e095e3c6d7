"""A result, for tests of code that reads results."""

from m2m_benchmarks.records.record import FORMAT, Domain, Input, Library, Machine, Part, Result


def whole_result() -> Result:
    """Make up a result with areas, domains, and all fields of its claim and identity."""
    return Result(
        'net',
        'Lab2026-rdm',
        0.5,
        '2026-01-01T00:00:00+00:00',
        format=FORMAT,
        areas={'VISp': Part(0.5, 0.4, 0.8, 0.01, 'raw / ceiling', 'conv', 40, 2, 0.5, {'1': 0.4}, 'named')},
        left_out={'VISl': 'too few'},
        weights_sha256='a',
        code_sha256='b',
        benchmark_sha256='h',
        response_sha256='c',
        input=Input([3, 64, 64], 'd'),
        data_sha256='e',
        stimuli_sha256='f',
        choices={'metric': 'm2m_rdm'},
        library=Library('0.1.0', 'g'),
        machine=Machine('AVX2', 2, 'cpu', 'linux x86_64'),
        versions={'torch': '2.9'},
        protocol='accuracy',
        in_domain=Domain(0.9, [0.8, 1.0], 100, 50),
        targets={'SVHN': Domain(0.4, [0.3, 0.5], 100, 100)},
    )
