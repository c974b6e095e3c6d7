"""Single-neuron regression: held-out ridge predictions of each neuroid."""

from collections.abc import Iterable, Sequence

import numpy as np

from m2m_benchmarks.arrays import cross_predict, kfold, pearson, predict_with_influence
from m2m_benchmarks.arrays.folds import Split
from m2m_benchmarks.benchmarks.comparisons.base import Description, Features, Raw
from m2m_benchmarks.benchmarks.comparisons.regression import CAVEAT, CEILING, Regression, median_of_each_animal
from m2m_benchmarks.benchmarks.recordings import AreaRecordings


class Ridge(Regression):
    """Regression with a ridge penalty for each neuroid."""

    name = 'ridge'
    metric = 'm2m_ridge'
    invariant_to = frozenset({'rotation', 'scaling', 'translation'})
    description = Description(
        raw='median over neuroids of the correlation between held-out ridge predictions (10 folds) and trial-averaged '
        'responses',
        ceiling=CEILING,
        formula='max(raw, 0)**2 / ceiling',
        perfect='0.14 with 133 neuroids and with 404 (standard deviation over recordings 0.01; perf/perfect_scores.py)',
        caveat=CAVEAT,
        reference='Hoerl & Kennard (1970), Technometrics 12(1), 55-67',
        settings={'folds': '10 shuffled, seed 1; alpha per neuroid by leave-one-out'},
    )

    def bootstrap(self, drawn: str = 'animals') -> str:
        """Say what the draws for the error are of: drawn stimuli change the fits, too."""
        return f'bootstrap over {drawn}, stimuli and fits, {self.n_draws} draws'

    def predict(self, features: np.ndarray, responses: np.ndarray, folds: Sequence[Split]) -> np.ndarray:
        """Predict each neuroid by ridge regression."""
        return cross_predict(features, responses, folds)

    def predict_with_influence(
        self, features: np.ndarray, responses: np.ndarray, folds: Sequence[Split]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predict each neuroid, and say what each stimulus contributes as training data."""
        return predict_with_influence(features, responses, folds)

    def raw_of_each(self, features: Features, recordings: Iterable[AreaRecordings]) -> list[Raw]:
        """Predict the neuroids of several recordings side by side: each is predicted without the others."""
        means = [each.mean.values for each in recordings]
        responses = np.concatenate(means, axis=1)
        r = pearson(self.predict(features.values, responses, kfold(len(responses))), responses)
        parts = np.split(r, np.cumsum([mean.shape[1] for mean in means])[:-1])
        return [Raw(float(np.median(part)), per_neuroid=part) for part in parts]

    def per_animal(self, features: Features, recordings: AreaRecordings, raw: Raw) -> dict[str, float]:
        """Median correlation of each animal's neuroids, which are predicted independently."""
        return median_of_each_animal(recordings, raw)


COMPARISON = Ridge()
