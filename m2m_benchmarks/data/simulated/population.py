"""The simulated population: stimuli, generating variables, tuning, noise, and quantities derived from them.

All quantities that the benchmarks estimate from recordings are known here: each neuroid's reliability, the ceilings,
and the perfect model (`generating_variables`).
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from m2m_benchmarks.data.areas import AREAS

N_STIMULI = 118
PATCH = 64
N_VARIABLES = 3
N_ANIMALS = 4
N_REPETITIONS = 20
#: Number of repetitions of the last animal, which is smaller, as happens in recordings.
N_REPETITIONS_LAST = 16
#: Neuroids per animal and area: pairs of opposite tuning and noisy neuroids; one more never responds.
N_PAIRS = 12
N_NOISY = 6
#: Lowest and highest reliability of the tuned pairs, which are evenly spaced, and that of the noisy neuroids.
RELIABILITIES = (0.75, 0.97)
NOISY_RELIABILITY = 0.05
#: Mean response of every neuroid, in the arbitrary unit of the simulated responses.
BASELINE = 1.0
WINDOW_MS = (50.0, 250.0)


def patches() -> np.ndarray:
    """Cut 118 grey natural-image patches from scikit-learn's two sample photographs.

    Returns
    -------
    uint8 array, shape (118, 64, 64)
        Patches on a grid without overlap; of the 120 that fit, the two of lowest contrast are left out.
    """
    patches_by_photo = []
    for name in ('china.jpg', 'flower.jpg'):
        photograph = np.asarray(Image.fromarray(load_sample_image(name)).convert('L'))
        rows, columns = (size // PATCH for size in photograph.shape)
        whole = photograph[: rows * PATCH, : columns * PATCH]
        patches_by_photo.append(whole.reshape(rows, PATCH, columns, PATCH).swapaxes(1, 2).reshape(-1, PATCH, PATCH))
    all_patches: np.ndarray = np.concatenate(patches_by_photo)
    contrast = all_patches.std(axis=(1, 2))
    kept = np.sort(np.argsort(contrast, kind='stable')[len(all_patches) - N_STIMULI :])
    selected: np.ndarray = all_patches[kept]
    return selected


def band_energies(images: np.ndarray) -> np.ndarray:
    """Log energy of each image in four orientations times three octaves of spatial frequency.

    Parameters
    ----------
    images : array, shape (n_images, size, size)

    Returns
    -------
    array, shape (n_images, 12)
    """
    size = images.shape[-1]
    window = np.outer(np.hanning(size), np.hanning(size))
    centred = images - images.mean(axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(centred * window)) ** 2
    fx, fy = np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size))
    octave = np.floor(np.log2(np.maximum(np.hypot(fx, fy), 1e-9) * 16)).astype(int)
    orientation = np.round(np.arctan2(fy, fx) / (np.pi / 4)).astype(int) % 4
    bands = [(octave == o) & (orientation == t) for o in (0, 1, 2) for t in range(4)]
    energies: np.ndarray = np.stack([power[:, band].sum(axis=1) for band in bands], axis=1)
    return np.asarray(np.log(energies + 1.0))


def generating_variables(area: str) -> np.ndarray:
    """Compute the variables that all neuroids of an area are tuned to.

    These are energies in three bands, divided by their joint length (as in divisive normalisation) and whitened,
    alternately until both hold. All stimuli then drive the population equally, and noise affects all distances equally.

    Returns
    -------
    array, shape (118, 3)
        Variables with exactly zero mean and identity covariance over the stimuli; all rows have nearly the same length.
    """
    energies = band_energies(patches())
    variables = energies[:, _rng(area, 'variables').permutation(energies.shape[1])[:N_VARIABLES]]
    for _ in range(200):
        variables = variables / np.linalg.norm(variables, axis=1, keepdims=True)
        directions, _, axes = np.linalg.svd(variables - variables.mean(axis=0), full_matrices=False)
        variables = directions @ axes * np.sqrt(N_STIMULI)
    return variables


@dataclass(frozen=True)
class SimulatedArea:
    """One area of the simulated mouse.

    Attributes
    ----------
    area : str
    weights : array, shape (n_neuroids, 3)
        Tuning to the generating variables. Within each animal the tuned neuroids come in pairs of opposite sign and
        their weights form a tight frame (W'W is a multiple of the identity), so that distances over any set of animals
        are those between the generating variables.
    noise_variance : array, shape (n_neuroids,)
        Variance of the noise of a single response.
    animal : array of str, shape (n_neuroids,)
    repetitions : array of int, shape (n_neuroids,)
    """

    area: str
    weights: np.ndarray
    noise_variance: np.ndarray
    animal: np.ndarray
    repetitions: np.ndarray

    @property
    def signal_variance(self) -> np.ndarray:
        """Variance over stimuli of each neuroid's expected response, in closed form."""
        variance: np.ndarray = (self.weights**2).sum(axis=1)
        return variance

    @property
    def reliability(self) -> np.ndarray:
        """Split-half reliability corrected to all repetitions: S / (S + noise / repetitions); NaN without signal."""
        with np.errstate(invalid='ignore'):
            reliability: np.ndarray = self.signal_variance / (
                self.signal_variance + self.noise_variance / self.repetitions
            )
        return reliability


def simulated_area(area: str) -> SimulatedArea:
    """Draw the tuning and noise of an area, from a seed that depends on the area."""
    rng = _rng(area, 'tuning')
    weights, noise, animals, repetitions = [], [], [], []
    for number in range(N_ANIMALS):
        frame, _ = np.linalg.qr(rng.standard_normal((N_PAIRS, N_VARIABLES)))
        tuned = frame * np.sqrt(N_PAIRS / N_VARIABLES)
        noisy = rng.standard_normal((N_NOISY, N_VARIABLES))
        w = np.concatenate([tuned, -tuned, noisy, np.zeros((1, N_VARIABLES))])
        of_pairs = rng.permutation(np.linspace(*RELIABILITIES, N_PAIRS))
        reliability = np.concatenate([of_pairs, of_pairs, np.full(N_NOISY, NOISY_RELIABILITY), [1.0]])
        n_repetitions = N_REPETITIONS_LAST if number == N_ANIMALS - 1 else N_REPETITIONS
        weights.append(w)
        noise.append((w**2).sum(axis=1) * (1 - reliability) / reliability * n_repetitions)
        animals += [f'simulated-{number + 1}'] * len(w)
        repetitions += [n_repetitions] * len(w)
    return SimulatedArea(area, np.concatenate(weights), np.concatenate(noise), np.array(animals), np.array(repetitions))


def record(area: SimulatedArea, seed: int = 0) -> np.ndarray:
    """Simulate the responses of an area.

    Parameters
    ----------
    area : SimulatedArea
    seed : int
        Random seed for the noise.

    Returns
    -------
    array, shape (20, 118, n_neuroids)
        Responses in an arbitrary unit, float32; NaN in the repetitions that the last animal lacks. Each animal has one
        neuroid without tuning and noise, whose response is always 0.
    """
    expected = generating_variables(area.area) @ area.weights.T + BASELINE * (area.signal_variance > 0)
    noise = _rng(area.area, f'noise {seed}').standard_normal((N_REPETITIONS, *expected.shape))
    responses = expected + noise * np.sqrt(area.noise_variance)
    seen = np.arange(N_REPETITIONS)[:, None] < area.repetitions
    responses[~np.broadcast_to(seen[:, None, :], responses.shape)] = np.nan
    return np.asarray(responses, dtype=np.float32)


def expected_rdm_reliability(area: SimulatedArea, neuroids: np.ndarray) -> float:
    """Spearman-Brown corrected split-half correlation of the RDM: closed form, to first order.

    Parameters
    ----------
    area : SimulatedArea
    neuroids : bool array, shape (n_neuroids,)
        Mask of the neuroids of the RDM.

    Returns
    -------
    float

    Notes
    -----
    A half's patterns are x_i = s_i + e_i with signal s = W z and noise of variance v_n; their lengths are near
    L_i = sqrt(|s_i|^2 + sum_n v_n), their correlations near c = s_i's_j / (L_i L_j). Noise along a pattern changes
    its length only, so to first order the variance of c is that of e_j'(s_i / L_i - c s_j / L_j) / L_j, the same
    with i and j exchanged, and e_i'e_j / (L_i L_j). The variance over pairs of c, divided by itself plus the mean
    of that noise, is the split-half Pearson correlation r. Correlations of vectors of equal length in three dimensions
    are uniformly distributed, so that the Spearman correlation is the same.
    """
    signal = generating_variables(area.area) @ area.weights[neuroids].T
    v = (area.noise_variance / (area.repetitions / 2))[neuroids]
    length = np.sqrt((signal**2).sum(axis=1) + v.sum())
    patterns = signal / length[:, None]
    rows, columns = np.triu_indices(len(signal), k=1)
    c = (patterns @ patterns.T)[rows, columns]
    own = patterns**2 @ v
    shared = ((patterns * v) @ patterns.T)[rows, columns]
    noise = (
        (own[rows] - 2 * c * shared + c**2 * own[columns]) / length[columns] ** 2
        + (own[columns] - 2 * c * shared + c**2 * own[rows]) / length[rows] ** 2
        + (v**2).sum() / (length[rows] * length[columns]) ** 2
    )
    r = c.var() / (c.var() + noise.mean())
    return float(2 * r / (1 + r))


def _rng(area: str, purpose: str) -> np.random.Generator:
    return np.random.default_rng([AREAS.index(area), *purpose.encode()])
