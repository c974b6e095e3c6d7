import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from m2m_benchmarks.arrays import rdm
from m2m_benchmarks.arrays.two_factor import degrees_of_freedom, dual_bootstrap, two_factor_variance

PERF = Path(__file__).parents[2] / 'perf' / 'dual_bootstrap.py'
#: Draws and variances of rsatoolbox 0.3.2, printed by
#: `python perf/dual_bootstrap.py --numbers --stimuli 6 --animals 3 --models 2 --draws 8`.
RSATOOLBOX = {
    'animals': [[2, 1, 0], [0, 3, 0], [1, 2, 0], [1, 2, 0], [3, 0, 0], [0, 1, 2], [1, 1, 1], [1, 1, 1]],
    'stimuli': [
        [0, 1, 0, 4, 0, 1],
        [2, 1, 0, 1, 1, 1],
        [0, 0, 2, 2, 2, 0],
        [0, 2, 1, 3, 0, 0],
        [1, 0, 1, 1, 2, 1],
        [2, 1, 1, 0, 0, 2],
        [0, 2, 2, 1, 1, 0],
        [2, 0, 1, 2, 0, 1],
    ],
    'variances': [0.1681465308110189, 0.26500541044851383],
    'differences': [0.7422681680242411],
}

PROPERTY = settings(max_examples=25, deadline=None)


def counts(seed, n_draws, n):
    drawn = np.random.default_rng(seed).integers(0, n, (n_draws, n))
    return np.stack([np.bincount(row, minlength=n) for row in drawn])


def bootstrap_variances(values):
    """Compute the exact variances of the mean of a table (animals, stimuli) over all bootstrap draws of it."""
    n_animals, n_stimuli = values.shape
    of_animals = values.mean(axis=1) - values.mean()
    of_stimuli = values.mean(axis=0) - values.mean()
    rest = values - values.mean() - of_animals[:, None] - of_stimuli
    animals, stimuli = np.mean(of_animals**2) / n_animals, np.mean(of_stimuli**2) / n_stimuli
    return animals + stimuli + np.mean(rest**2) / values.size, animals, stimuli


def anova_variance(values):
    """Compute the variance of a table's mean from mean squares: two crossed random factors without replication."""
    n_animals, n_stimuli = values.shape
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    rest = values - rows[:, None] - columns + values.mean()
    mean_square_animals = n_stimuli * np.var(rows, ddof=1)
    mean_square_stimuli = n_animals * np.var(columns, ddof=1)
    mean_square_rest = np.sum(rest**2) / ((n_animals - 1) * (n_stimuli - 1))
    return (mean_square_animals + mean_square_stimuli - mean_square_rest) / values.size


def slow_dual_bootstrap(models, animal_rdms, stimuli, animals):
    """Repeat the stimuli and animals themselves."""
    scores = np.empty((3, len(stimuli), len(models)))
    all_stimuli, all_animals = np.arange(models.shape[1]), np.arange(len(animal_rdms))
    for draw in range(len(stimuli)):
        some_stimuli, some_animals = np.repeat(all_stimuli, stimuli[draw]), np.repeat(all_animals, animals[draw])
        samples = ((some_stimuli, some_animals), (all_stimuli, some_animals), (some_stimuli, all_animals))
        for kind, (own_stimuli, own_animals) in enumerate(samples):
            pairs = [(a, b) for i, a in enumerate(own_stimuli) for b in own_stimuli[i + 1 :] if a != b]
            for model, matrix in enumerate(models):
                values = []
                for animal in own_animals:
                    x, y = ([m[pair] for pair in pairs] for m in (matrix, animal_rdms[animal]))
                    defined = len(set(x)) > 1 and len(set(y)) > 1
                    values.append(stats.spearmanr(x, y).statistic if defined else 0.0)
                scores[kind, draw, model] = np.mean(values)
    return scores


def simulated_rdms(seed, n_stimuli, n, levels=None):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n_stimuli, 6))
    matrices = np.stack([rdm(shared + rng.normal(size=shared.shape)) for _ in range(n)])
    return np.round(matrices * levels / 2) / levels if levels else matrices


class TestTwoFactorVariance:
    @pytest.mark.parametrize(('n_animals', 'n_stimuli'), [(10, 118), (20, 40)])
    def test_equals_the_mean_squares_of_a_table(self, n_animals, n_stimuli):
        rng = np.random.default_rng(3)
        table = 0.3 * rng.normal(size=(n_animals, 1)) + rng.normal(size=n_stimuli)
        table = table + 2 * rng.normal(size=(n_animals, n_stimuli))
        both, animals, stimuli = bootstrap_variances(table)
        expected = anova_variance(table)
        assert n_animals / (n_animals - 1) * animals < expected < both  # no bound counts
        assert n_stimuli / (n_stimuli - 1) * stimuli < expected
        assert two_factor_variance(both, animals, stimuli, n_animals, n_stimuli) == pytest.approx(expected, rel=1e-12)

    def test_draws_have_these_variances(self):
        table = np.random.default_rng(0).normal(size=(5, 7)) + np.arange(7)
        animals, stimuli = counts(1, 40_000, 5) / 5, counts(2, 40_000, 7) / 7
        draws = np.einsum('ij,jk,ik->i', animals, table, stimuli), animals @ table.mean(axis=1), stimuli @ table.mean(0)
        np.testing.assert_allclose(np.var(draws, axis=1), bootstrap_variances(table), rtol=0.05)

    def test_is_never_below_either_factor_nor_above_both(self):
        # Only noise: the combination would be 4 + 4 - 16 * 8 < 0, which is no variance.
        assert two_factor_variance(10, 1, 1, 4, 4) == pytest.approx(4 / 3)
        assert two_factor_variance(1.9, 1, 0.9, 1000, 1000) == pytest.approx(1.9)
        # The bounds contradict each other: the upper one counts, as in rsatoolbox.
        assert two_factor_variance(1, 1, 0.1, 2, 100) == 1

    def test_one_animal_has_the_variance_of_stimuli(self):
        np.testing.assert_allclose(two_factor_variance([9, 9], [5, 5], [2, 4], 1, 5), [2.5, 5])

    @pytest.mark.parametrize('numbers', [(0, 5), (3, 1)])
    def test_needs_animals_and_stimuli(self, numbers):
        with pytest.raises(ValueError, match='one animal and two stimuli'):
            two_factor_variance(1, 1, 1, *numbers)

    @PROPERTY
    @given(st.lists(st.floats(0, 5), min_size=3, max_size=3), st.integers(1, 9), st.integers(2, 99), st.floats(0.1, 10))
    def test_scales_with_its_variances(self, variances, n_animals, n_stimuli, scale):
        scaled = two_factor_variance(*(scale * variance for variance in variances), n_animals, n_stimuli)
        expected = scale * two_factor_variance(*variances, n_animals, n_stimuli)
        assert scaled == pytest.approx(expected, abs=1e-9)


class TestDualBootstrap:
    @pytest.mark.parametrize(('n_stimuli', 'levels'), [(9, None), (9, 4), (4, None), (5, 2)])
    def test_equals_repeating_stimuli_and_animals(self, n_stimuli, levels):
        models, animal_rdms = simulated_rdms(0, n_stimuli, 2, levels), simulated_rdms(1, n_stimuli, 3, levels)
        stimuli, animals = counts(2, 12, n_stimuli), counts(3, 12, 3)
        enough = np.count_nonzero(stimuli, axis=1) > 2
        scores = dual_bootstrap(models, animal_rdms, stimuli, animals)
        assert np.isnan(scores[:, ~enough]).all()
        expected = slow_dual_bootstrap(models, animal_rdms, stimuli[enough], animals[enough])
        np.testing.assert_allclose(scores[:, enough], expected, rtol=0, atol=1e-12)

    def test_equals_rsatoolbox(self):
        spec = importlib.util.spec_from_file_location('perf_dual_bootstrap', PERF)
        perf = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(perf)
        drawn = [np.array(RSATOOLBOX[factor]) for factor in ('stimuli', 'animals')]
        _, variances, differences = perf.run_ours(*perf.simulate(n_stimuli=6, n_animals=3, n_models=2), *drawn)
        np.testing.assert_allclose(variances, RSATOOLBOX['variances'], rtol=1e-12)
        np.testing.assert_allclose(differences, RSATOOLBOX['differences'], rtol=1e-12)

    def test_the_whole_sample_gives_the_score(self):
        models, animal_rdms = simulated_rdms(4, 8, 3), simulated_rdms(5, 8, 2)
        scores = dual_bootstrap(models, animal_rdms, np.ones((1, 8), int), np.ones((1, 2), int))
        np.testing.assert_allclose(scores, np.broadcast_to(scores[0], scores.shape), atol=1e-14)
        np.testing.assert_allclose(dual_bootstrap(models[:1], models[:1], np.ones((1, 8)), np.ones((1, 1))), 1)

    def test_a_constant_rdm_has_0(self):
        constant = 0.1 * (1 - np.eye(8))[None]
        scores = dual_bootstrap(constant, simulated_rdms(6, 8, 2), counts(7, 20, 8), counts(8, 20, 2))
        np.testing.assert_array_equal(scores, 0)

    @pytest.mark.parametrize(('stimuli', 'animals'), [((4, 7), (4, 2)), ((4, 8), (4, 3)), ((4, 8), (5, 2))])
    def test_shapes_must_match(self, stimuli, animals):
        with pytest.raises(ValueError, match='expected'):
            dual_bootstrap(simulated_rdms(0, 8, 1), simulated_rdms(1, 8, 2), np.ones(stimuli), np.ones(animals))

    @PROPERTY
    @given(st.integers(0, 999), st.sampled_from([None, 4]))
    def test_only_ranks_and_the_set_of_animals_count(self, seed, levels):
        models, animal_rdms = simulated_rdms(seed, 7, 2, levels), simulated_rdms(seed + 1, 7, 3, levels)
        stimuli, animals = counts(seed, 5, 7), counts(seed + 1, 5, 3)
        scores = dual_bootstrap(models, animal_rdms, stimuli, animals)
        assert np.nanmax(np.abs(scores)) <= 1 + 1e-12
        np.testing.assert_allclose(dual_bootstrap(np.exp(models), animal_rdms, stimuli, animals), scores, atol=1e-12)
        np.testing.assert_allclose(dual_bootstrap(-models, animal_rdms, stimuli, animals), -scores, atol=1e-12)
        turned = dual_bootstrap(models[::-1], animal_rdms[::-1], stimuli, animals[:, ::-1])
        np.testing.assert_allclose(turned[..., ::-1], scores, atol=1e-12)


class TestDegreesOfFreedom:
    def test_of_one_factor_are_its_own(self):
        assert degrees_of_freedom(0.3, 0.0, 8, 118) == pytest.approx(7)
        assert degrees_of_freedom(0.0, 0.3, 8, 118) == pytest.approx(117)
        assert degrees_of_freedom(9.9, 0.3, 1, 118) == pytest.approx(117)  # a single animal has no variance

    def test_are_those_of_the_sum_of_two_means(self):
        """The sum of two estimated variances of means, matched to chi-square by its mean and variance."""
        rng = np.random.default_rng(0)
        first, second = rng.standard_normal((20_000, 6)), 2 * rng.standard_normal((20_000, 20))
        total = first.var(axis=1, ddof=1) / 6 + second.var(axis=1, ddof=1) / 20
        matched = 2 * total.mean() ** 2 / total.var()
        # plug in the true variances: a bootstrap of n items is too small by (n - 1) / n
        assert degrees_of_freedom(1 / 6 * 5 / 6, 4 / 20 * 19 / 20, 6, 20) == pytest.approx(matched, rel=0.05)
