"""Spearman correlation of the upper triangles of two RDMs."""

from brainscore_core.metrics import Metric, Score
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly

from m2m_benchmarks.arrays import compare_rdms, rdm, rsa_draws, standard_error
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.metrics.alignment import align

#: Fewer have three distances at most, whose order says little.
_FEWEST_STIMULI = 4


class M2MRDM(Metric):
    """Representational similarity: Brain-Score's `rdm`, with stimuli aligned and an error.

    Parameters
    ----------
    n_bootstraps : int
        Number of draws of stimuli for the error; 0 for no error.
    seed : int
        Random seed of the draws.
    """

    def __init__(self, n_bootstraps: int = 1000, seed: int = 0) -> None:
        self._n_bootstraps = n_bootstraps
        self._seed = seed

    def __call__(self, source: NeuroidAssembly, target: NeuroidAssembly) -> Score:
        """Compare two assemblies of the same stimuli.

        Parameters
        ----------
        source, target : presentation x neuroid, averaged over repetitions

        Returns
        -------
        Score
            Scalar in [-1, 1]. Attributes: `error` (standard error over stimuli), `draws` (the bootstrap draws),
            `n_constant` (target neuroids left out because they are constant over stimuli).

        Raises
        ------
        DataError
            When the stimuli differ, there are fewer than four, an assembly has a single neuroid, or contains NaN.
        """
        aligned = align(source, target)
        n_stimuli = len(aligned.source)
        if n_stimuli < _FEWEST_STIMULI:
            raise DataError(f'm2m_rdm needs {_FEWEST_STIMULI} or more stimuli, got {n_stimuli}.')
        for side, values in (('source', aligned.source), ('target', aligned.target)):
            if values.shape[1] < 2:
                raise DataError(f'one neuroid of the {side} has no pattern; m2m_rdm needs two or more that vary.')
        first, second = rdm(aligned.source), rdm(aligned.target)
        score = Score(compare_rdms(first, second))
        draws = rsa_draws(first, second, self._n_bootstraps, self._seed)
        score.attrs['error'] = standard_error(draws)
        score.attrs['draws'] = draws
        score.attrs['n_constant'] = int((~aligned.varying).sum())
        return score
