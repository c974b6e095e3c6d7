"""Responses of an area to the images: which drive it most and least."""

from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.arrays import standardize
from m2m_benchmarks.benchmarks.recordings import AreaRecordings

#: Number of images with the largest, and with the smallest, mean response.
N_EXAMPLES = 3


@dataclass(frozen=True, eq=False)
class ImageResponses:
    """Responses of an area to the images.

    Attributes
    ----------
    area : str
    stimulus_ids : list of str
        Images, from the smallest mean response to the largest.
    means : array, shape (n_stimuli,)
        Mean over the reliable neuroids of the responses in standard deviations of each neuroid over images; 0 is the
        mean over images.
    neuroid_means : array, shape (n_neuroids,)
        Mean response of each reliable neuroid, in the unit of the recordings.
    """

    area: str
    stimulus_ids: list[str]
    means: np.ndarray
    neuroid_means: np.ndarray

    def examples(self) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        """Name the images of the smallest and of the largest mean responses, the most extreme first, with these."""
        pairs = [(name, float(mean)) for name, mean in zip(self.stimulus_ids, self.means, strict=True)]
        n = min(N_EXAMPLES, len(pairs) // 2)
        return pairs[:n], pairs[::-1][:n]


def image_responses(area: str, recorded: AreaRecordings) -> ImageResponses:
    """Order the images by the mean response of the reliable neuroids, of which each counts the same."""
    values = recorded.mean.values
    means = standardize(values).mean(axis=1)
    order = np.argsort(means, kind='stable')
    names = recorded.mean['stimulus_id'].values.astype(str)
    return ImageResponses(area, names[order].tolist(), means[order], values.mean(axis=0))
