"""Leave-one-out predictions by least squares on the leading components of the features, as in Huang et al. (2023)."""

import numpy as np

#: Number of components of that publication.
N_COMPONENTS = 40


def leave_one_out(features: np.ndarray, responses: np.ndarray, n_components: int = N_COMPONENTS) -> np.ndarray:
    """Predict each stimulus by a fit to all others.

    Parameters
    ----------
    features : array, shape (n_stimuli, n_features)
        Features, of which the mean over all stimuli and features is subtracted.
    responses : array, shape (n_stimuli, n_neurons)
    n_components : int
        Number of components of a truncated singular value decomposition of all stimuli; fewer where the features have
        fewer dimensions.

    Returns
    -------
    array, shape (n_stimuli, n_neurons)
        Held-out predictions, float64.

    Raises
    ------
    ValueError
        When the stimuli aren't more than the components by two, the arrays are of other shapes, or one contains NaN or
        infinity.

    Notes
    -----
    The residual of a stimulus that is left out is its residual in the fit to all, divided by one minus its leverage.
    """
    features, responses = np.asarray(features, dtype=float), np.asarray(responses, dtype=float)
    if features.ndim != 2 or responses.ndim != 2 or len(features) != len(responses):
        raise ValueError(
            f'expected features and responses of the same stimuli, got shapes {features.shape} and {responses.shape}'
        )
    if len(features) < n_components + 2:
        raise ValueError(f'expected {n_components + 2} stimuli for {n_components} components, got {len(features)}')
    if not (np.isfinite(features).all() and np.isfinite(responses).all()):
        raise ValueError('the features or responses contain NaN or infinity; expected finite numbers')
    left, sizes, _ = np.linalg.svd(features - features.mean(), full_matrices=False)
    used = sizes[:n_components] > sizes[0] * len(features) * np.finfo(float).eps  # others are rounding errors
    design = np.column_stack([np.ones(len(features)), left[:, :n_components][:, used]])
    basis, triangle = np.linalg.qr(design)
    # Components of constant features lie in the span of the intercept.
    basis = basis[:, np.abs(np.diag(triangle)) > len(features) * np.finfo(float).eps * np.sqrt(len(features))]
    leverage = np.sum(basis**2, axis=1, keepdims=True)
    residuals = responses - basis @ (basis.T @ responses)
    # A stimulus that a component is of alone has no residual; it says nothing about the others.
    predictions: np.ndarray = responses - residuals / np.maximum(1 - leverage, np.finfo(float).eps)
    return predictions
