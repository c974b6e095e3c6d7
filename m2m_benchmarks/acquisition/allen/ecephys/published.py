"""Published numbers of Visual Coding - Neuropixels."""

from collections.abc import Callable

from m2m_benchmarks.acquisition.allen.ecephys.listing import ECEPHYS_TYPES
from m2m_benchmarks.acquisition.allen.ecephys.settings import EcephysSettings
from m2m_benchmarks.acquisition.allen.published import catalogue, scenes_shown
from m2m_benchmarks.acquisition.allen.sessions import AllenSelection
from m2m_benchmarks.acquisition.published import NotComparable, PublishedNumber, StoredDataset

_TABLES = tuple(f'ecephys_{name}.csv' for name in ('sessions', 'probes', 'channels', 'units'))
_NOTEBOOKS = 'notebooks of the AllenSDK and the Summer Workshop 2023'
_FILTERS = ('amplitude_cutoff', 'presence_ratio', 'isi_violations', 'only_valid', 'missing_metrics')
#: Session to its number of units in all structures that pass the default filters.
_UNITS = {
    715093703: 884,
    719161530: 755,
    721123822: 444,
    732592105: 824,
    737581020: 568,
    756029989: 684,
    773418906: 546,
    791319847: 555,
    797828357: 611,
    798911424: 825,
    799864342: 604,
}
#: Units of session 791319847 in each area.
_BY_AREA = {'VISp': 93, 'VISrl': 58, 'VISl': 56, 'VISam': 49, 'VISal': 43, 'VISpm': 17}


def _require_filters(stored: StoredDataset) -> None:
    defaults = EcephysSettings()
    stored.require_settings({name: getattr(defaults, name) for name in _FILTERS}, 'the default filters of units')


def _units(session: int) -> Callable[[StoredDataset], float]:
    def here(stored: StoredDataset) -> float:
        _require_filters(stored)
        return stored.count(str(session), 'neuroids') + stored.count(str(session), 'n_good_elsewhere')

    return here


def _units_in(session: int, area: str) -> Callable[[StoredDataset], float]:
    def here(stored: StoredDataset) -> float:
        _require_filters(stored)
        if area not in stored.manifest['source']['settings']['areas']:
            raise NotComparable(f'{area} was not fetched')
        return int((stored.session(str(session))['region'].values == area).sum())

    return here


NUMBERS = (
    *(
        PublishedNumber(
            f'sessions of type {kind}',
            n,
            'documentation of the AllenSDK',
            catalogue(_TABLES, AllenSelection(session_types=(kind,)), lambda listing: listing.n_matching),
        )
        for kind, n in zip(ECEPHYS_TYPES, (32, 26), strict=True)
    ),
    *scenes_shown('AllenSDK issues 2072 and 2758'),
    PublishedNumber(
        'units in the file of session 715093703', 2779, _NOTEBOOKS, lambda stored: stored.count('715093703', 'n_units')
    ),
    *(
        PublishedNumber(f'units of session {session} by the default filters', n, _NOTEBOOKS, _units(session))
        for session, n in _UNITS.items()
    ),
    *(
        PublishedNumber(
            f'units of session 791319847 by the default filters, in {area}', n, _NOTEBOOKS, _units_in(791319847, area)
        )
        for area, n in _BY_AREA.items()
    ),
)
