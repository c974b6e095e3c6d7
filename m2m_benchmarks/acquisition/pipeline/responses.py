"""What is taken from a recording of a survey, whatever it was recorded with."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class SessionResponses:
    """Responses of a session's neuroids to images.

    Attributes
    ----------
    session : str
        Its number.
    responses : float32 array, shape (n_repetitions, n_images, n_neuroids)
        Spikes/s, dF/F, % dF/F or events. Repetitions are in the order of time, images in that of their numbers. NaN
        where nothing was recorded.
    neuroids : DataFrame, n_neuroids rows
        neuroid_id, region, animal and session as text; further columns of text or numbers.
    window_ms : (start, end)
        After the onset of an image.
    counts : dict
        What was left out, and how much of it: `n_masked`, …
    images_sha256 : list of n_images str
        Of the pixels of each image (uint8, row by row); '' stands for one that wasn't read. Empty where the file holds
        no images.
    """

    session: str
    responses: np.ndarray
    neuroids: pd.DataFrame
    window_ms: tuple[float, float]
    counts: dict[str, int]
    images_sha256: list[str]
