"""Recordings of several sessions, written into the data folder."""

import io
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from PIL import Image

from m2m_benchmarks.data import atomic
from m2m_benchmarks.data.store import write_dataset


def write_sessions(
    name: str,
    areas: Sequence[str] = ('VISp', 'VISl'),
    n_sessions: int = 4,
    n_neuroids: int = 12,
    n_stimuli: int = 12,
    n_repetitions: int = 6,
    change: Callable[[np.ndarray, pd.DataFrame], object] | None = None,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Write recordings in which all sessions of an area are alike: their neuroids read the same four variables.

    Parameters
    ----------
    name : str
        Identifier of the dataset.
    areas : sequence of str
        Areas, each recorded in sessions of its own.
    n_sessions, n_neuroids : int
        Numbers of sessions of an area, each of one animal, and of neuroids of a session.
    n_stimuli, n_repetitions : int
    change : callable, optional
        Function that changes the responses and the table of the neuroids in place before they are written.

    Returns
    -------
    responses : array, shape (n_repetitions, n_stimuli, n_all_neuroids)
    neuroids : DataFrame
        Columns neuroid_id, region, animal, session, window_start_ms and window_end_ms, and those that `change` adds.

    Raises
    ------
    StorageError
        When the data folder cannot be written.
    """
    rng = np.random.default_rng(0)
    rows, parts = [], []
    for area in areas:
        variables = rng.standard_normal((n_stimuli, 4))
        for number in range(n_sessions):
            tuning = variables @ rng.standard_normal((4, n_neuroids))
            noise = rng.standard_normal((n_repetitions, n_stimuli, n_neuroids))
            parts.append(5 + tuning + 0.5 * noise)
            rows += [
                [f'{area}_{number}_{i}', area, f'mouse {number}', f'{area} {number}', 50.0, 250.0]
                for i in range(n_neuroids)
            ]
    columns = ['neuroid_id', 'region', 'animal', 'session', 'window_start_ms', 'window_end_ms']
    responses, neuroids = np.concatenate(parts, axis=2), pd.DataFrame(rows, columns=columns)
    if change is not None:
        change(responses, neuroids)
    pictures = {}
    for number in range(n_stimuli):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (16, 24), dtype=np.uint8)).save(file, format='png')
        pictures[f'image_{number:02d}'] = file.getvalue()
    with atomic.write_lock(name):
        write_dataset(name, responses, neuroids, pictures, (50, 250), {'made_by': 'a test'})
    return responses, neuroids
