"""Count how often the interval of `m2m analyze hierarchy` holds the truth, over simulated experiments.

Each of six areas reads one of six layers of a network, of which neighbours are alike. Each experiment has new stimuli,
new animals, whose populations differ, and new neuroids. The interval is compared with the correlation of the layers
that the areas read, and with the mean correlation over all experiments.

    python perf/hierarchy_coverage.py --experiments 200
"""

import argparse
from types import SimpleNamespace

import numpy as np
from coverage import recordings  # the script beside this one

from m2m_benchmarks.analysis.hierarchy import ANATOMY, Hierarchy, compare_depths, layer_values
from m2m_benchmarks.arrays import draw_sample, spearman
from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import Features

N_LATENT, N_FEATURES, N_LAYERS = 12, 60, 6
#: Numbers of stimuli, animals, neuroids of an animal in an area, and trials.
SIZE = {'stimuli': 40, 'animals': 6, 'neuroids': 15, 'trials': 10}
#: Spread of the animals' populations around that of the species.
ANIMALS = 0.5
#: Layer that each area reads, from VISp to VISam.
WORLDS = {
    'in the anatomical order': (0, 1, 2, 3, 4, 5),
    'in no order': (3, 0, 5, 1, 4, 2),
    'all areas one layer': (2, 2, 2, 2, 2, 2),
}


class World:
    """Layers that turn from one representation to another, and areas that read them."""

    def __init__(self, read: tuple[int, ...]) -> None:
        rng = np.random.default_rng(0)
        first, second = rng.standard_normal((2, N_LATENT, N_LATENT))
        angles = np.linspace(0, np.pi / 2, N_LAYERS)
        self.layers = [np.cos(angle) * first + np.sin(angle) * second for angle in angles]
        self.readout = rng.standard_normal((N_LATENT, N_FEATURES))
        self.read = read

    def experiment(self, seed: int, n_draws: int) -> Hierarchy:
        """Record from new animals with new stimuli, and compare the best layers with the anatomical hierarchy."""
        rng = np.random.default_rng([1, seed])
        latent = rng.standard_normal((SIZE['stimuli'], N_LATENT)) * np.arange(1, N_LATENT + 1) ** -0.5
        comparison = load_comparison('rdm')
        features = [
            (f'layer{number}', Features(np.maximum(latent @ weights @ self.readout, 0), comparison.features))
            for number, weights in enumerate(self.layers)
        ]
        own = rng.standard_normal((SIZE['animals'], N_LATENT, N_LATENT))
        values, draws = {}, {}
        for area, layer in zip(ANATOMY, self.read, strict=True):
            recorded = self._record(rng, latent, self.layers[layer] + ANIMALS * own)
            sample = draw_sample(SIZE['stimuli'], recorded.animals, n_draws=n_draws)
            part = SimpleNamespace(comparison=comparison, recordings=recorded, sample=sample)
            values[area], draws[area] = layer_values(part, features)
        return compare_depths('Simulated-rdm', 'network', values, draws)

    def _record(self, rng: np.random.Generator, latent: np.ndarray, populations: np.ndarray):
        signals = []
        for population in populations:
            weights = population @ rng.standard_normal((N_LATENT, SIZE['neuroids']))
            signals.append(np.maximum(latent @ weights, 0))
        signal = np.concatenate(signals, axis=1)
        noise = 1.5 * signal.std() * rng.standard_normal((SIZE['trials'], *signal.shape))
        names = [f'mouse{number}' for number in range(SIZE['animals'])]
        return recordings(signal + noise, np.repeat(names, SIZE['neuroids']))


def main() -> None:
    """Print the shares of intervals that hold the truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--experiments', type=int, default=200)
    parser.add_argument('--draws', type=int, default=50)
    options = parser.parse_args()
    print(f'{SIZE}, {options.experiments} experiments, {options.draws} draws')
    print('| areas read the layers | truth | mean | truth held | mean held | mean width | p <= .05 |')
    print('|---|--:|--:|--:|--:|--:|--:|')
    for name, read in WORLDS.items():
        world = World(read)
        truth = spearman(np.array(list(ANATOMY.values())), np.array(read, dtype=float))
        compared = [world.experiment(seed, options.draws) for seed in range(options.experiments)]
        mean = float(np.mean([each.correlation for each in compared]))
        low, high = np.array([each.interval for each in compared]).T
        held = [float(np.mean((low <= value + 1e-9) & (value - 1e-9 <= high))) for value in (truth, mean)]
        rejected = float(np.mean([each.p <= 0.05 for each in compared]))
        print(
            f'| {name} | {truth:.2f} | {mean:.2f} | {held[0]:.3f} | {held[1]:.3f} | {np.mean(high - low):.2f} | '
            f'{rejected:.3f} |',
            flush=True,
        )


if __name__ == '__main__':
    main()
