"""Time courses of neuroids around the onset of an image, which 2-photon recordings hold beside the responses."""

from dataclasses import dataclass

import netCDF4
import numpy as np

from m2m_benchmarks.data import versions
from m2m_benchmarks.data.versions import Version
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.storage import unchanged

#: Variable of the time courses in the file of an assembly, its dimension beside neuroids, and their frames.
COURSE, FRAME = 'course', 'frame'
#: Column of the neuroids with the time from one frame to the next.
FRAME_MS = 'frame_ms'


@dataclass(frozen=True)
class Courses:
    """Mean time course of each neuroid around the onset of its preferred image.

    Attributes
    ----------
    values : float32 array, shape (n_neuroids, n_frames)
        Signal of the responses, such as dF/F; NaN where nothing was recorded.
    before : int
        Number of frames before the onset; the others follow it.
    """

    values: np.ndarray
    before: int


def load_courses(version: Version) -> Courses:
    """Load the time courses of a dataset, in the order of the neuroids of its assembly.

    Raises
    ------
    DataError
        When the recordings hold none, or a file is missing or has changed.
    """
    with versions.reporting_replacement([version]):
        path = version.path(version.manifest['assembly'])
        with unchanged([path]), netCDF4.Dataset(path) as file:
            if COURSE not in file.variables:
                made_by = version.manifest['source']['made_by']
                again = 'Those extracted before they were kept have to be extracted again: '
                other = 'Name 2-photon recordings that were fetched with theirs.'
                raise DataError(
                    f'the recordings of {version.name} hold no time courses, which are kept when 2-photon sessions are '
                    f'extracted. {f"{again}`{made_by}`." if made_by.startswith("m2m data fetch") else other}'
                )
            before = int(np.sum(file.variables[FRAME][:] < 0))
            return Courses(np.ma.filled(file.variables[COURSE][:], np.nan), before)
