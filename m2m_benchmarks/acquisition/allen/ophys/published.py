"""Published numbers of Visual Coding - 2-photon."""

from collections.abc import Callable

import numpy as np

from m2m_benchmarks.acquisition.allen.ophys.cells import mean_recorded
from m2m_benchmarks.acquisition.allen.published import catalogue, scenes_shown
from m2m_benchmarks.acquisition.allen.sessions import AllenSelection
from m2m_benchmarks.acquisition.published import NotComparable, PublishedNumber, StoredDataset

_TABLES = ('ophys_experiments.json',)
_CONTAINERS = 'documentation of the AllenSDK'
_EXAMPLES = 'notebooks of brain_observatory_examples'
#: Session to its number of cells.
_CELLS = {501559087: 174, 501794235: 152}
_TUNED = 510938357
#: Cell of that session to its preferred scene, reliability and mean response to the preferred scene in % dF/F, as
#: AllenSDK's NaturalScenes computes them.
_TUNING = {
    517399188: (48, 0.006932, 4.961453),
    517399994: (96, 0.132598, 8.396541),
    517399857: (103, -0.008523, 2.640692),
    517399727: (103, 0.010471, 1.747232),
    517399442: (21, -0.000713, 1.511358),
}
#: One in the last printed digit, since responses are stored in single precision.
_LAST_DIGIT = 1e-6


def _tuning(cell: int) -> Callable[[StoredDataset], tuple[int, float, float]]:
    """Make a function that returns the preferred scene of a cell, its reliability, and its mean response to it."""

    def here(stored: StoredDataset) -> tuple[int, float, float]:
        stored.require_settings({'sdk_compatible': True}, 'a fetch with --sdk-compatible')
        session = stored.session(str(_TUNED))
        columns = np.flatnonzero(session['neuroid_id'].values == str(cell))
        if not len(columns):
            raise NotComparable(f'cell {cell} is not in the dataset')
        column = int(columns[0])
        means = mean_recorded(stored.responses(str(_TUNED))[:, :, column])
        preferred = int(np.nanargmax(means))
        return preferred, float(session['reliability_ns'].values[column]), float(means[preferred])

    return here


def _part(cell: int, part: int) -> Callable[[StoredDataset], float]:
    return lambda stored: _tuning(cell)(stored)[part]


def _cells(session: int) -> Callable[[StoredDataset], float]:
    return lambda stored: stored.session_counts(str(session))['neuroids']


NUMBERS = (
    PublishedNumber(
        'sessions of containers that passed quality control',
        456,
        _CONTAINERS,
        catalogue(_TABLES, AllenSelection(), lambda listing: listing.n_matching),
    ),
    PublishedNumber(
        'sessions of containers that failed quality control',
        50,
        _CONTAINERS,
        catalogue(_TABLES, AllenSelection(), lambda listing: listing.n_failed),
    ),
    *scenes_shown('table of natural scenes of session 570014520'),
    *(PublishedNumber(f'cells of session {session}', n, _EXAMPLES, _cells(session)) for session, n in _CELLS.items()),
    *(
        PublishedNumber(
            f'{what} of cell {cell}',
            values[part],
            f'analysis of natural scenes in session {_TUNED}',
            _part(cell, part),
            _LAST_DIGIT if part else 0,
        )
        for cell, values in _TUNING.items()
        for part, what in enumerate(('preferred scene', 'reliability_ns', 'response to the preferred scene'))
    ),
)
