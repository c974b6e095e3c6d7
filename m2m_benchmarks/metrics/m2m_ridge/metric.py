"""Held-out predictions of each neuroid by ridge regression."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from brainscore_core.metrics import Metric, Score
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly, walk_coords

from m2m_benchmarks.arrays import (
    ALPHAS,
    N_FOLDS,
    held_out_correlations,
    kernel,
    median_draws,
    pearson,
    ridge,
    shuffle_splits,
    standard_error,
)
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.metrics.alignment import align


class M2MRidge(Metric):
    """Median over neuroids of the correlation between held-out predictions and responses.

    Parameters
    ----------
    alphas : sequence of float
        Penalties; each neuroid gets the best one by leave-one-out on the training stimuli.
    relative : bool
        Whether penalties are in units of the mean squared length of the training stimuli (see `arrays.ridge`).
    protocol : {'stacked', 'brain-score'}
        Way to cross-validate. 'stacked': 10 shuffled folds, seed 1; a neuroid's held-out predictions of all folds are
        correlated at once.
        'brain-score': Brain-Score's 10 random 90/10 splits; correlations per split, median over neuroids, mean
        over splits. With ``alphas=[1], relative=False`` this is Brain-Score's metric `ridge` without stratification.
    n_bootstraps : int
        Number of draws of neuroids for the error of 'stacked'; 0 for no error.
    seed : int
        Random seed of the draws.
    """

    def __init__(
        self,
        alphas: Sequence[float] | np.ndarray = ALPHAS,
        relative: bool = True,
        protocol: str = 'stacked',
        n_bootstraps: int = 1000,
        seed: int = 0,
    ) -> None:
        if protocol not in ('stacked', 'brain-score'):
            raise ValueError(f"protocol is {protocol!r}, expected 'stacked' or 'brain-score'")
        self._alphas = np.asarray(alphas, dtype=float)
        self._relative = relative
        self._protocol = protocol
        self._n_bootstraps = n_bootstraps
        self._seed = seed

    def __call__(self, source: NeuroidAssembly, target: NeuroidAssembly) -> Score:
        """Predict each target neuroid from all source neuroids.

        Parameters
        ----------
        source, target : presentation x neuroid, averaged over repetitions

        Returns
        -------
        Score
            Scalar in [-1, 1]. Attributes: `raw` (correlation of each neuroid, [split x] neuroid, with the target's
            coordinates), `error`, `n_constant` (neuroids left out because they are constant over stimuli).

        Raises
        ------
        DataError
            When the stimuli differ, there are fewer than ten, or an assembly contains NaN.
        """
        aligned = align(source, target)
        coords: dict[str, Any] = {
            name: (dims, values[aligned.varying])
            for name, dims, values in walk_coords(target)
            if tuple(dims) == ('neuroid',)
        }
        if self._protocol == 'stacked':
            if len(aligned.target) < N_FOLDS:
                raise DataError(
                    f'the assemblies have {len(aligned.target)} stimuli; expected {N_FOLDS} or more, one for each fold '
                    'of the regression.'
                )
            r = held_out_correlations(aligned.source, aligned.target, self._alphas, self._relative)
            raw = Score(r, coords=coords, dims=['neuroid'])
            score = Score(float(np.median(raw.values)))
            score.attrs['error'] = standard_error(median_draws(raw.values, self._n_bootstraps, self._seed))
        else:
            products = kernel(aligned.source)
            correlations = []
            # The stock metric draws its splits over the target's order of presentations.
            position = np.argsort(np.argsort(target['stimulus_id'].values.astype(str), kind='stable'), kind='stable')
            for train, test in shuffle_splits(len(aligned.target)):
                split = position[train], position[test]
                predictions, _ = ridge(products, aligned.target, split, self._alphas, self._relative)
                correlations.append(pearson(predictions, aligned.target[split[1]]))
            raw = Score(np.stack(correlations), coords=coords, dims=['split', 'neuroid'])
            medians = np.median(raw.values, axis=1)
            score = Score(float(medians.mean()))
            # The stock metric uses numpy's population standard deviation.
            score.attrs['error'] = float(medians.std() / np.sqrt(len(medians)))
        score.attrs[Score.RAW_VALUES_KEY] = raw
        score.attrs['n_constant'] = int((~aligned.varying).sum())
        return score
