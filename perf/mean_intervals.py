"""Count how often 95 % intervals of a mean over neurons hold the truth, over simulated animals.

Three intervals for new animals: Student's (`arrays/means.py`), and percentiles of bootstraps over animals, without and
with drawing the neurons of each. And that for new neurons of the same animals, beside their own mean.

    python perf/mean_intervals.py --experiments 400
"""

import argparse

import numpy as np

from m2m_benchmarks.arrays.means import mean_over_animals

N_DRAWS = 300
ANIMALS = (3, 5, 8, 16)
#: Standard deviation of animals, of neurons in an animal it is 1.
SPREADS = (0, 0.3, 1)


def bootstrap(values: np.ndarray, animals: np.ndarray, rng: np.random.Generator, neurons: bool) -> np.ndarray:
    """Percentile interval over animals, whose neurons are drawn too or kept."""
    groups = [values[animals == animal] for animal in np.unique(animals)]
    drawn = rng.integers(0, len(groups), (N_DRAWS, len(groups)))
    sums = np.empty(drawn.shape)
    for number, own in enumerate(groups):
        mine = drawn == number
        sums[mine] = rng.choice(own, (mine.sum(), len(own))).sum(axis=1) if neurons else own.sum()
    sizes = np.array([len(own) for own in groups])
    return np.percentile(sums.sum(axis=1) / sizes[drawn].sum(axis=1), [2.5, 97.5])


def held(n_animals: int, spread: float, n_experiments: int) -> np.ndarray:
    """Shares of the four intervals that hold their truth."""
    holding = np.zeros(4)
    for seed in range(n_experiments):
        rng = np.random.default_rng([n_animals, seed])
        sizes = rng.integers(5, 60, n_animals)
        animals = np.repeat(np.arange(n_animals), sizes)
        shift = (spread * rng.normal(size=n_animals))[animals]
        values = shift + rng.gamma(1, size=len(animals)) - 1
        mean = mean_over_animals(values, animals, seed)
        others = (bootstrap(values, animals, rng, neurons) for neurons in (False, True))
        holding[:3] += [low <= 0 <= high for low, high in (mean.interval, *others)]
        holding[3] += mean.neurons[0] <= shift.mean() <= mean.neurons[1]
    return holding / n_experiments


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--experiments', type=int, default=400)
    options = parser.parse_args()
    print("| animals | their sd | Student's | bootstrap of animals | of both | of neurons |")
    print('|--:|--:|--:|--:|--:|--:|')
    for n_animals in ANIMALS:
        for spread in SPREADS:
            shares = ' | '.join(f'{share:.3f}' for share in held(n_animals, spread, options.experiments))
            print(f'| {n_animals} | {spread} | {shares} |', flush=True)


if __name__ == '__main__':
    main()
