"""Published numbers on the same recordings: reliabilities of single neuroids, a model's similarity, and ceilings."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from m2m_benchmarks import load_benchmark
from m2m_benchmarks.arrays import split_half_reliability
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_choice import compare_layers

pytestmark = [pytest.mark.slow, pytest.mark.shared]

#: Ceilings of the population, computed by other code from halves of the neuroids.
CEILINGS = {'VISp': 0.948, 'VISl': 0.811, 'VISal': 0.912, 'VISpm': 0.881, 'VISam': 0.911, 'VISrl': 0.876}


def test_reliabilities_are_those_of_others(shared):
    """Huang et al. (2023), arXiv 2303.06060, whose window is 0-250 ms."""
    published = pd.read_csv(shared / 'reference' / 'published_reliability.csv')
    files = published.groupby('file')
    assert len(files) == 28
    for name, theirs in files:
        with np.load(shared / 'allen' / 'neuropixels' / name) as bundle:
            ours = split_half_reliability(bundle['spike_counts'])[theirs['column'].to_numpy()]
        known = np.isfinite(ours) & np.isfinite(theirs['reliability'].to_numpy())
        ours, values = ours[known], theirs['reliability'].to_numpy()[known]
        assert spearmanr(ours, values)[0] >= 0.88, name
        assert np.abs(ours - values).mean() <= 0.075, name


def test_similarity_is_that_of_others(shared, siegle):
    """SqueezeNet 1.1, best layer on all neuroids, mean over areas: .436 in Huang et al. (2023)."""
    candidate = load_candidate('torchvision:squeezenet1_1', weights=shared / 'weights' / 'squeezenet1_1.pth')
    activations = Activations(candidate)
    best = [
        max(compare_layers(candidate, activations, [load_benchmark(f'Siegle2021.{area}-rdm')])[0].values())
        for area in AREAS
    ]
    assert np.mean(best) == pytest.approx(0.433, abs=0.01)


@pytest.mark.parametrize('area', AREAS)
def test_ceilings_of_the_population(area, siegle):
    benchmark = load_benchmark(f'Siegle2021.{area}-rdm')
    ceiling = benchmark.comparison.ceiling(benchmark.recordings)
    assert ceiling.value == pytest.approx(CEILINGS[area], abs=0.02)
