"""Cross-validation splits over stimuli."""

import numpy as np

Split = tuple[np.ndarray, np.ndarray]

N_FOLDS = 10


def kfold(n_stimuli: int, n_folds: int = N_FOLDS, seed: int = 1) -> list[Split]:
    """Shuffled cross-validation folds, in which each stimulus is held out exactly once.

    Parameters
    ----------
    n_stimuli : int
    n_folds : int
    seed : int

    Returns
    -------
    list of (train, test)
        Indices into the stimulus axis.

    Raises
    ------
    ValueError
        When there are fewer stimuli than folds, or fewer than two folds.
    """
    from sklearn.model_selection import KFold  # takes a second to import

    return list(KFold(n_folds, shuffle=True, random_state=seed).split(np.zeros(n_stimuli)))


def shuffle_splits(n_stimuli: int, n_splits: int = 10, train_size: float = 0.9, seed: int = 1) -> list[Split]:
    """Brain-Score's splits: independent random 90/10 divisions, whose test parts overlap; see `kfold`."""
    from sklearn.model_selection import ShuffleSplit

    return list(ShuffleSplit(n_splits, train_size=train_size, random_state=seed).split(np.zeros(n_stimuli)))
