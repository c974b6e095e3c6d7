"""The responses of a session, in the same form for all surveys."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from m2m_benchmarks.data.courses import Courses


@dataclass(frozen=True)
class SessionResponses:
    """Responses of a session's neuroids to images.

    Attributes
    ----------
    session : str
        Id of the session.
    responses : float32 array, shape (n_repetitions, n_images, n_neuroids)
        Spikes/s, dF/F, % dF/F or events. Repetitions are in the order of time, images in the order of their numbers.
        NaN where nothing was recorded.
    neuroids : DataFrame, n_neuroids rows
        neuroid_id, region, animal and session as text; further columns of text or numbers.
    window_ms : (start, end)
        Response window in ms after the onset of an image.
    counts : dict
        Numbers of excluded trials, units and others, such as `n_masked`.
    images_sha256 : list of n_images str
        SHA-256 of the pixels of each image (uint8, row by row); '' for one that wasn't read. Empty if the file holds no
        images.
    courses : Courses or None
        Time courses, for which the neuroids have the column frame_ms; None for spikes.
    """

    session: str
    responses: np.ndarray
    neuroids: pd.DataFrame
    window_ms: tuple[float, float]
    counts: dict[str, int]
    images_sha256: list[str]
    courses: Courses | None = None
