"""A result, for tests of code that reads results."""

import dataclasses

import numpy as np

from m2m_benchmarks.benchmarks.estimates import estimate
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


def scored_results(
    n_models: int, n_benchmarks: int, n_draws: int = 1000, seed: int = 0
) -> tuple[list[Result], dict[str, dict[str, np.ndarray]]]:
    """Make up the results of models on benchmarks, with layers, intervals and draws of the size of real ones.

    Parameters
    ----------
    n_models, n_benchmarks : int
    n_draws : int
    seed : int
        Random seed of the numbers.

    Returns
    -------
    results : list of Result
        Results of `Lab2026.AREA-rdm` and so on, all models on the first benchmark first.
    draws : dict
        Draws of each result by its uid, as `records.store.add` takes them. Those of one benchmark share most of their
        noise.
    """
    rng = np.random.default_rng(seed)
    quality = rng.uniform(0.1, 0.9, n_models)
    results, all_draws = [], {}
    for benchmark in range(n_benchmarks):
        shared = rng.standard_normal((3, n_draws))
        for model in range(n_models):
            score = float(np.clip(quality[model] + 0.05 * rng.standard_normal(), 0.01, 0.99))
            noise = np.array([[1.7], [1], [1]]) * (0.9 * shared + 0.4 * rng.standard_normal((3, n_draws)))
            draws = score + 0.03 * noise
            estimated = estimate(score, draws, 10, 118)
            result = dataclasses.replace(
                whole_result(),
                model=f'net_{model}',
                benchmark=f'Lab2026.area{benchmark // 2}-{("rdm", "ridge")[benchmark % 2]}',
                score=score,
                uncut=score,
                error=estimated.error,
                errors=estimated.errors,
                interval=list(estimated.interval or ()),
                raw=0.8 * score,
                ceiling=0.8,
                ceiling_interval=[0.72, 0.88],
                ceiling_kind='population',
                layer='features.8',
                layer_scores={f'features.{layer}': [0.5, 0.5] for layer in range(12)},
                version=2,
                areas=None,
                left_out=None,
                protocol=None,
                in_domain=None,
                targets=None,
                n_neuroids=400,
                n_stimuli=118,
                n_animals=10,
                model_per_animal=0.5 * score,
                other_mice=0.35,
                sample_sha256=f'{benchmark:064x}',
                weights='default',
                weights_sha256=f'{model:064x}',
                family=f'family {model % 7}',
                n_parameters=100_000 * (model + 1),
            )
            results.append(result)
            all_draws[result.uid] = {'score': draws}
    return results, all_draws
