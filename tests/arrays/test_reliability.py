import importlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m2m_benchmarks.arrays import half_means, half_splits, split_half_reliability

PROPERTY = settings(max_examples=25, deadline=None)


def recording(seed=0, n_repetitions=6, n_stimuli=11, n_neurons=4, signal=1.0):
    rng = np.random.default_rng(seed)
    tuning = signal * rng.normal(size=(n_stimuli, n_neurons))
    return tuning + rng.normal(size=(n_repetitions, n_stimuli, n_neurons))


def slow_reliability(responses, n_splits, seed=0):
    """Compute the reliability one neuron and one split at a time."""
    reliability = []
    for neuron in range(responses.shape[2]):
        own = np.array([repetition for repetition in responses[..., neuron] if not np.isnan(repetition).all()])
        recorded = ~np.isnan(own).all(axis=0)
        if np.ptp(np.nanmean(own[:, recorded], axis=0)) == 0:
            reliability.append(np.nan)
            continue
        corrected = []
        for first in half_splits(len(own), n_splits, seed):
            shared = ~np.isnan(own[first]).all(axis=0) & ~np.isnan(own[~first]).all(axis=0)
            halves = [np.nanmean(half[:, shared], axis=0) for half in (own[first], own[~first])]
            r = np.corrcoef(*halves)[0, 1] if all(np.ptp(half) > 0 for half in halves) else 0
            corrected.append(max(2 * r / (1 + r), -1) if r > -1 / 3 else -1)
        reliability.append(np.mean(corrected))
    return np.array(reliability)


class TestHalfSplits:
    @PROPERTY
    @given(st.integers(2, 15), st.integers(1, 20), st.integers(0, 99))
    def test_halves(self, n_repetitions, n_splits, seed):
        first = half_splits(n_repetitions, n_splits, seed)
        assert first.dtype == bool
        assert first.shape == (n_splits, n_repetitions)
        np.testing.assert_array_equal(first.sum(axis=1), n_repetitions // 2)

    @pytest.mark.parametrize(('n_repetitions', 'n_halves'), [(4, 6), (5, 10)])
    def test_every_half_is_as_likely(self, n_repetitions, n_halves):
        counts = Counter(map(tuple, half_splits(n_repetitions, 3000)))
        assert len(counts) == n_halves
        expected = 3000 / n_halves
        assert max(abs(count - expected) for count in counts.values()) < 5 * np.sqrt(expected)

    def test_depends_on_the_seed_alone(self):
        np.testing.assert_array_equal(half_splits(10), half_splits(10, 100, seed=0))
        assert not np.array_equal(half_splits(10, seed=0), half_splits(10, seed=1))
        # More splits begin with the same ones.
        np.testing.assert_array_equal(half_splits(10, 100)[:7], half_splits(10, 7))

    @pytest.mark.parametrize('n_repetitions', [0, 1])
    def test_too_few_repetitions(self, n_repetitions):
        with pytest.raises(ValueError, match=f'at least 2 repetitions to split, got {n_repetitions}'):
            half_splits(n_repetitions)


class TestSplitHalfReliability:
    @pytest.mark.parametrize('n_repetitions', [2, 3, 6, 7])
    @pytest.mark.parametrize('signal', [0.0, 0.5, 3.0])
    @pytest.mark.seconds
    def test_equals_loops(self, n_repetitions, signal):
        responses = recording(1, n_repetitions, signal=signal)
        actual = split_half_reliability(responses, 20, seed=5)
        np.testing.assert_allclose(actual, slow_reliability(responses, 20, seed=5), atol=1e-12)

    @pytest.mark.parametrize('n_repetitions', [8, 5])
    def test_gives_the_reliability_of_the_mean(self, n_repetitions):
        # Signal variance s and noise variance 1: the halves correlate by s / sqrt((s + 1/a) (s + 1/b)), which for
        # equal halves the correction turns into s / (s + 1/T).
        signal = np.array([0.0, 0.05, 0.3, 1, 10])
        rng = np.random.default_rng(2)
        tuning = np.sqrt(signal) * rng.normal(size=(6000, 5))
        responses = tuning + rng.normal(size=(n_repetitions, 6000, 5))
        a, b = n_repetitions // 2, (n_repetitions + 1) // 2
        r = signal / np.sqrt((signal + 1 / a) * (signal + 1 / b))
        expected = 2 * r / (1 + r)
        if a == b:
            np.testing.assert_allclose(expected, signal / (signal + 1 / n_repetitions))
        np.testing.assert_allclose(split_half_reliability(responses, 20), expected, atol=0.03)

    def test_without_noise_it_is_1(self):
        tuning = np.random.default_rng(3).normal(size=(9, 3))
        np.testing.assert_allclose(split_half_reliability(np.tile(tuning, (5, 1, 1))), 1, atol=1e-12)

    def test_opposite_halves_are_cut_off_at_minus_1(self):
        tuning = np.random.default_rng(4).normal(size=(9, 3))
        actual = split_half_reliability(np.stack([tuning, 1 - 2 * tuning]))
        np.testing.assert_allclose(actual, -1, atol=1e-14)

    def test_a_neuron_that_never_fires_has_none(self):
        responses = recording(5)
        expected = split_half_reliability(responses)
        responses[..., 2] = 0
        actual = split_half_reliability(responses)
        assert np.isnan(actual[2])
        np.testing.assert_allclose(actual[[0, 1, 3]], expected[[0, 1, 3]], atol=1e-12)

    @pytest.mark.parametrize('n_repetitions', [3, 7, 10])
    def test_a_neuron_that_always_fires_the_same_has_none(self, n_repetitions):
        responses = recording(6, n_repetitions)
        responses[..., 1] = 0.1
        np.testing.assert_array_equal(np.isnan(split_half_reliability(responses)), [False, True, False, False])

    def test_a_neuron_that_fires_once_has_0(self):
        responses = np.zeros((6, 11, 2))
        responses[3, 4, 1] = 7
        np.testing.assert_array_equal(split_half_reliability(responses), [np.nan, 0])

    def test_a_flat_half_counts_as_0_among_the_others(self):
        # It fires to one stimulus, in two of four repetitions: halves with one each agree perfectly; in the
        # others one half is constant.
        responses = np.zeros((4, 11, 1))
        responses[[0, 2], 5] = 3
        first = half_splits(4, 100)
        agree = first[:, 0] != first[:, 2]
        assert 0.5 < agree.mean() < 0.8
        assert split_half_reliability(responses)[0] == pytest.approx(agree.mean(), abs=1e-12)

    def test_single_missing_sweeps(self):
        responses = recording(7, 8, n_neurons=5)
        responses[2, 3, 0] = np.nan
        responses[[0, 5], [1, 10], 1] = np.nan
        responses[4, :10, 2] = np.nan  # One sweep of this repetition is left, and counts.
        responses[4, :, 3] = np.nan  # None is left.
        actual = split_half_reliability(responses, 30)
        np.testing.assert_allclose(actual, slow_reliability(responses, 30), atol=1e-12)

    @pytest.mark.parametrize('n_repetitions', [2, 3])
    def test_halves_are_compared_over_the_stimuli_that_both_hold(self, n_repetitions):
        responses = recording(21, n_repetitions, n_stimuli=20)
        responses[0, [3, 17], 0] = np.nan
        responses[1, 0, 1] = responses[0, 8, 1] = np.nan
        responses[:, 5, 2] = np.nan
        actual = split_half_reliability(responses, 30)
        np.testing.assert_allclose(actual, slow_reliability(responses, 30), atol=1e-12)

    def test_a_silent_neuron_with_missing_sweeps_has_none(self):
        responses = recording(22, 4)
        responses[..., 1:3] = 0
        responses[0, 3, 1] = np.nan
        responses[:, 3, 2] = np.nan
        np.testing.assert_array_equal(np.isnan(split_half_reliability(responses)), [False, True, True, False])

    @pytest.mark.filterwarnings('ignore:Mean of empty slice', 'ignore:invalid value')
    def test_halves_that_share_no_stimulus_count_as_0(self):
        responses = recording(23, 2)
        responses[0, :5, 1] = responses[1, 5:, 1] = np.nan
        assert split_half_reliability(responses)[1] == 0

    @pytest.mark.parametrize('n_repetitions', [2, 3])
    def test_a_missing_sweep_among_few_repetitions(self, n_repetitions):
        responses = recording(8, n_repetitions, n_stimuli=50, signal=20)
        expected = split_half_reliability(responses)
        responses[0, 3, 1] = np.nan
        np.testing.assert_allclose(split_half_reliability(responses), expected, atol=0.02)

    def test_a_stimulus_that_was_not_recorded(self):
        responses = recording(9, 8, n_stimuli=50, signal=3)
        expected = split_half_reliability(np.delete(responses, 3, axis=1))
        responses[:, 3, 1] = np.nan
        assert split_half_reliability(responses)[1] == pytest.approx(expected[1], abs=1e-12)

    @pytest.mark.parametrize('at', [[6, 6], [0, 3], [1, 1, 4]])
    def test_padding_with_nan_changes_nothing(self, at):
        responses = recording(10)
        padded = np.insert(responses, at, np.nan, axis=0)
        np.testing.assert_array_equal(split_half_reliability(padded), split_half_reliability(responses))

    def test_each_neuron_has_its_own_repetitions(self):
        sessions = [recording(seed, n_repetitions) for seed, n_repetitions in ((11, 7), (12, 4), (13, 7))]
        together = np.full((7, 11, 12), np.nan)
        order = np.random.default_rng(14).permutation(12)
        for i, session in enumerate(sessions):
            together[: len(session), :, order[4 * i : 4 * i + 4]] = session
        alone = np.concatenate([split_half_reliability(session) for session in sessions])
        np.testing.assert_allclose(split_half_reliability(together)[order], alone, atol=1e-12)
        # Exactly equal for the neuron with fewer repetitions: no other shares its splits.
        np.testing.assert_array_equal(split_half_reliability(together)[order[4:8]], alone[4:8])

    @pytest.mark.parametrize('chunk', [1, 3, 4])
    def test_chunks_of_neurons_make_no_difference(self, monkeypatch, chunk):
        expected = split_half_reliability(recording(15))
        monkeypatch.setattr(importlib.import_module('m2m_benchmarks.arrays.reliability'), '_CHUNK', chunk)
        np.testing.assert_allclose(split_half_reliability(recording(15)), expected, atol=1e-12)

    @pytest.mark.seconds
    def test_more_neurons_than_a_chunk(self):
        responses = recording(16, 4, 6, 130)
        actual = split_half_reliability(responses, 5)
        np.testing.assert_allclose(actual, slow_reliability(responses, 5), atol=1e-12)

    @pytest.mark.parametrize('dtype', [np.uint8, np.int64, bool, np.float32])
    def test_computes_in_float64_for_any_input(self, dtype):
        counts = np.random.default_rng(17).poisson(1 + np.arange(10)[:, None], size=(40, 10, 3)).astype(dtype)
        actual = split_half_reliability(counts, 10)
        assert actual.dtype == np.float64
        np.testing.assert_allclose(actual, slow_reliability(counts.astype(float), 10), atol=1e-12)

    def test_depends_on_the_seed_alone(self):
        responses = recording(18)
        np.testing.assert_array_equal(
            split_half_reliability(responses), split_half_reliability(responses, n_splits=100, seed=0)
        )
        assert (split_half_reliability(responses, seed=0) != split_half_reliability(responses, seed=1)).all()

    @pytest.mark.parametrize('shape', [(4,), (4, 5), (4, 5, 6, 2)])
    def test_wrong_shape(self, shape):
        with pytest.raises(ValueError, match=r'shape \(n_repetitions, n_stimuli, n_neurons\), got \(4'):
            split_half_reliability(np.zeros(shape))
        with pytest.raises(ValueError, match=r'shape \(n_repetitions, n_stimuli, n_neurons\), got \(4'):
            next(half_means(np.zeros(shape)))

    def test_a_neuron_with_too_few_repetitions(self):
        responses = recording(19)
        responses[1:, :, 2] = np.nan
        with pytest.raises(ValueError, match='at least 2 repetitions to split, got 1'):
            split_half_reliability(responses)
        with pytest.raises(ValueError, match='at least 2 repetitions to split, got 1'):
            next(half_means(responses))
        with pytest.raises(ValueError, match='at least 2 repetitions to split, got 1'):
            split_half_reliability(recording(19, n_repetitions=1))

    def test_leaves_its_input_alone(self):
        responses = recording(20)
        responses[1, 2, 3] = np.nan
        before = responses.copy()
        split_half_reliability(responses)
        list(half_means(responses, 3))
        np.testing.assert_array_equal(responses, before)

    @PROPERTY
    @given(st.integers(0, 999), st.integers(2, 7), st.integers(3, 9), st.booleans())
    def test_gain_and_offset_of_a_neuron_and_order_of_stimuli_change_nothing(
        self, seed, n_repetitions, n_stimuli, missing
    ):
        responses = recording(seed, n_repetitions, n_stimuli)
        if missing and n_repetitions >= 4:
            responses[1, 2, 0] = np.nan
        expected = split_half_reliability(responses, 8)
        assert (np.abs(expected) <= 1).all()
        rng = np.random.default_rng(seed + 1000)
        gain, offset = rng.uniform(0.01, 100, 4), rng.uniform(-5, 5, 4)
        np.testing.assert_allclose(split_half_reliability(gain * responses + offset, 8), expected, atol=1e-9)
        shuffled = responses[:, rng.permutation(n_stimuli)]
        np.testing.assert_allclose(split_half_reliability(shuffled, 8), expected, atol=1e-9)
        neurons = rng.permutation(4)
        np.testing.assert_allclose(split_half_reliability(responses[..., neurons], 8), expected[neurons], atol=1e-9)

    @PROPERTY
    @given(st.integers(0, 999), st.integers(2, 6), st.lists(st.integers(0, 6), max_size=4))
    def test_padding_changes_nothing_wherever_it_is(self, seed, n_repetitions, at):
        responses = recording(seed, n_repetitions)
        padded = np.insert(responses, [min(i, n_repetitions) for i in at], np.nan, axis=0)
        np.testing.assert_array_equal(split_half_reliability(padded, 8), split_half_reliability(responses, 8))


class TestHalfMeans:
    @pytest.mark.parametrize('n_splits', [1, 9, 10, 11, 25])
    def test_equals_loops(self, n_splits):
        responses = recording(0, 7)
        pairs = list(half_means(responses, n_splits, seed=3))
        assert len(pairs) == n_splits
        for picked, (first, second) in zip(half_splits(7, n_splits, seed=3), pairs, strict=True):
            np.testing.assert_allclose(first, responses[picked].mean(axis=0), atol=1e-13)
            np.testing.assert_allclose(second, responses[~picked].mean(axis=0), atol=1e-13)

    def test_takes_each_neurons_own_repetitions(self):
        responses = recording(1, 8)
        responses[[1, 6], :, 2] = np.nan
        responses[3, 4, 0] = np.nan
        pairs = list(half_means(responses, 12))
        for neuron in range(4):
            own = np.delete(responses[..., neuron], [1, 6], axis=0) if neuron == 2 else responses[..., neuron]
            for picked, (first, second) in zip(half_splits(len(own), 12), pairs, strict=True):
                np.testing.assert_allclose(first[:, neuron], np.nanmean(own[picked], axis=0), atol=1e-13)
                np.testing.assert_allclose(second[:, neuron], np.nanmean(own[~picked], axis=0), atol=1e-13)

    def test_are_the_halves_of_the_reliability(self):
        responses = recording(2, 9)
        responses[[2, 3], :, 1] = np.nan
        corrected = []
        for first, second in half_means(responses):
            r = np.array([np.corrcoef(first[:, i], second[:, i])[0, 1] for i in range(4)])
            corrected.append(np.where(r > -1 / 3, 2 * r / (1 + r), -1))
        np.testing.assert_allclose(np.mean(corrected, axis=0), split_half_reliability(responses), atol=1e-12)

    def test_pairs_are_not_overwritten(self):
        # A caller may keep them: later pairs must not be written over earlier ones.
        responses = recording(3)
        kept = [(first, first.copy()) for first, _ in half_means(responses, 25)]
        for now, then in kept:
            np.testing.assert_array_equal(now, then)

    def test_integers(self):
        counts = np.random.default_rng(4).poisson(3, size=(5, 6, 2))
        first, _ = next(half_means(counts, 1))
        np.testing.assert_allclose(first, counts[half_splits(5, 1)[0]].mean(axis=0), atol=1e-14)


class TestStimuliWithoutTrials:
    """A half without a trial of a stimulus says nothing about it."""

    def test_a_half_without_a_trial_has_the_mean_of_the_others(self):
        responses = recording(n_repetitions=4)
        responses[:3, 2, 1] = np.nan
        splits = half_splits(4, 100)
        for first, halves in zip(splits, half_means(responses), strict=True):
            for half, means in zip((first, ~first), halves, strict=True):
                for stimulus, neuron in np.ndindex(11, 4):
                    own = [
                        trial[stimulus, neuron] for trial in responses[half] if not np.isnan(trial[stimulus, neuron])
                    ]
                    if not own:
                        own = [means[other, neuron] for other in range(11) if other != stimulus]
                    assert means[stimulus, neuron] == pytest.approx(np.mean(own))

    @pytest.mark.filterwarnings('error')
    def test_halves_that_share_no_stimulus_do_not_agree(self):
        responses = recording(n_repetitions=2, n_neurons=2)
        responses[0, :5, 0] = responses[1, 5:, 0] = np.nan
        assert split_half_reliability(responses)[0] == 0
        assert np.isfinite(next(half_means(responses))).all()
