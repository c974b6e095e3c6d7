"""Presentations that are missing, by recording and by image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from m2m_benchmarks.analysis.data_report.recordings import Recording


@dataclass(frozen=True)
class Missing:
    """Missing presentations of a recording, relative to the image that it has most often.

    Attributes
    ----------
    recording : Recording
    n_presentations, n_missing : int
        Number that there would be if each image were presented as often as the most frequent one, and number missing.
    n_never, n_few : int
        Number of images without any presentation; and of those with some, but fewer than half of the most frequent.
    n_responses : int
        Number of responses of single neuroids that are missing in recorded presentations.
    """

    recording: Recording
    n_presentations: int
    n_missing: int
    n_never: int
    n_few: int
    n_responses: int


def missing(recordings: Sequence[Recording]) -> list[Missing]:
    """List the recordings in which something is missing, that with most missing presentations first."""
    counted = []
    for one in recordings:
        n = one.presentations
        few = (n > 0) & (2 * n < n.max())
        expected = int(n.max()) * len(n)
        own = Missing(one, expected, expected - int(n.sum()), int((n == 0).sum()), int(few.sum()), one.n_missing)
        if own.n_missing or own.n_responses or not expected:
            counted.append(own)
    return sorted(counted, key=lambda own: (-own.n_missing, -own.n_responses))


def images_with_few(recordings: Sequence[Recording], stimulus_ids: Sequence[str]) -> list[tuple[str, int, int]]:
    """List the images that some recording has less than half as often as its most frequent one.

    Returns
    -------
    list of (image, n_recordings, n_presentations)
        Number of recordings with few presentations or none, and number of presentations in all recordings together;
        the image that most recordings lack first.
    """
    counts = np.array([one.presentations for one in recordings])
    lacking = (2 * counts < counts.max(axis=1, keepdims=True)).sum(axis=0)
    order = np.lexsort((np.arange(len(lacking)), counts.sum(axis=0), -lacking))
    return [(stimulus_ids[i], int(lacking[i]), int(counts[:, i].sum())) for i in order if lacking[i]]
