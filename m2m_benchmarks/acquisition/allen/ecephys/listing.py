"""Lists the Neuropixels sessions of the Allen Brain Observatory and the addresses of their files."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from m2m_benchmarks.acquisition.allen.sessions import (
    ECEPHYS,
    NO_CRE,
    QUERY,
    AllenSelection,
    AllenSession,
    choose_sessions,
    file_links,
)
from m2m_benchmarks.acquisition.allen.tables import Tables, field, read_catalogue, with_ids
from m2m_benchmarks.acquisition.sessions import Listing, choose, choose_areas
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.progress import Progress

#: Types of Neuropixels sessions of the survey; the tables also list other studies.
ECEPHYS_TYPES = ('brain_observatory_1.1', 'functional_connectivity')
_SESSIONS = 'EcephysSession,rma::include,specimen(donor(age)),well_known_files(well_known_file_type)'
_CHANNELS = (
    "EcephysChannel,rma::include,structure,rma::options[tabular$eq'ecephys_channels.id,ecephys_probe_id,"
    'anterior_posterior_ccf_coordinate,dorsal_ventral_ccf_coordinate,left_right_ccf_coordinate,'
    "structures.acronym as ecephys_structure_acronym']"
)
#: Columns of a channel's place in the common coordinate framework, in µm, and the number of one that has none.
_COORDINATES = (
    'anterior_posterior_ccf_coordinate',
    'dorsal_ventral_ccf_coordinate',
    'left_right_ccf_coordinate',
)
_NOT_LOCATED = -1000


def ecephys_sessions(folder: Path, selection: AllenSelection, progress: Progress | None = None) -> Listing:
    """List Neuropixels sessions with sorted units of any quality in the selected areas.

    Sessions of the first type in `ECEPHYS_TYPES` show the natural scenes and are listed by default; those of the
    second don't, as published. Parameters and errors are those of `ophys_sessions`.
    """
    choose_areas(selection.areas, AREAS)  # raises for unknown areas before anything is downloaded
    types = choose(
        'session type',
        ECEPHYS_TYPES[:1] if selection.session_types is None else selection.session_types,
        ECEPHYS_TYPES,
    )
    sessions, n_damaged = _all_sessions(folder, selection, progress)
    of_types = [session for session in sessions if session.session_type in types]
    return replace(choose_sessions(of_types, selection), n_damaged=n_damaged)


def _all_sessions(folder: Path, selection: AllenSelection, progress: Progress | None) -> tuple[list[AllenSession], int]:
    """List all Neuropixels sessions with sorted units in any of the six areas, and count the damaged rows."""
    warehouse = selection.warehouse
    bucket_url, query = f'{selection.mirror}{ECEPHYS}', f'{warehouse}{QUERY}'

    def bucket(tables: Tables) -> tuple[list[AllenSession], int]:
        def table(name: str, *columns: str, optional: tuple[str, ...] = ()) -> pd.DataFrame:
            return tables.csv(f'{bucket_url}/{name}.csv', f'ecephys_{name}.csv', columns, optional)

        first_time = not (folder / 'ecephys_sessions.csv').exists()
        sessions = table('sessions', 'id', 'specimen_id', 'session_type', 'genotype', 'has_nwb')
        return _ecephys(
            sessions.assign(has_nwb=sessions['has_nwb'] == 'True'),
            table('probes', 'id', 'ecephys_session_id'),
            table('channels', 'id', 'ecephys_probe_id', 'ecephys_structure_acronym', optional=_COORDINATES),
            table('units', 'id', 'ecephys_channel_id'),
            second_mirrors(first_time),
            bucket_url,
        )

    def second_mirrors(first_time: bool) -> dict[str, tuple[str, ...]]:
        # The bucket's tables don't name them. They are optional, so a failed request isn't repeated each time, and a
        # slow one isn't waited for.
        if not first_time and not (folder / 'ecephys_sessions_rma-0.json').exists():
            return {}
        once = replace(selection.retry, tries=1, query_timeout_s=selection.retry.timeout_s)
        tables = Tables(folder, once, progress)
        try:
            rows = tables.pages(f'{query}?criteria=model::{_SESSIONS}', 'ecephys_sessions_rma')
            return {str(row.get('id')): file_links(row, 'EcephysNwb', warehouse) for row in rows}
        except DataError:
            tables.discard()
            return {}

    def api(tables: Tables) -> tuple[list[AllenSession], int]:
        def table(name: str, criteria: str, *columns: str) -> pd.DataFrame:
            rows = tables.pages(f'{query}?criteria=model::{criteria}', f'ecephys_{name}_rma')
            return pd.DataFrame([{column: row.get(column) for column in columns} for row in rows])

        rows = tables.pages(f'{query}?criteria=model::{_SESSIONS}', 'ecephys_sessions_rma')
        links = {str(row.get('id')): file_links(row, 'EcephysNwb', warehouse) for row in rows}
        sessions = pd.DataFrame(
            {
                'id': [row.get('id') for row in rows],
                'specimen_id': [row.get('specimen_id') for row in rows],
                'session_type': [row.get('stimulus_name') for row in rows],
                'genotype': [field(row, dict, 'specimen', 'donor').get('full_genotype') for row in rows],
                'has_nwb': [bool(links[str(row.get('id'))]) for row in rows],
            }
        )
        return _ecephys(
            sessions,
            table('probes', 'EcephysProbe', 'id', 'ecephys_session_id'),
            table('channels', _CHANNELS, 'id', 'ecephys_probe_id', 'ecephys_structure_acronym', *_COORDINATES),
            table('units', 'EcephysUnit', 'id', 'ecephys_channel_id'),
            links,
            bucket_url,
        )

    return read_catalogue(
        'Neuropixels sessions', lambda anew: Tables(folder, selection.retry, progress, anew), bucket, api
    )


def _ecephys(
    sessions: pd.DataFrame,
    probes: pd.DataFrame,
    channels: pd.DataFrame,
    units: pd.DataFrame,
    links: Mapping[str, tuple[str, ...]],
    bucket_url: str,
) -> tuple[list[AllenSession], int]:
    """Make the sessions of the tables, and count the rows that lack an id."""
    sessions = sessions[sessions['session_type'].isin(ECEPHYS_TYPES)]
    rows = len(sessions) + len(probes) + len(channels) + len(units)
    sessions = with_ids(sessions, ('id', 'specimen_id'), 'sessions')
    probes = with_ids(probes, ('id', 'ecephys_session_id'), 'probes')
    channels = with_ids(channels, ('id', 'ecephys_probe_id'), 'channels')
    units = with_ids(units, ('id', 'ecephys_channel_id'), 'units')
    n_damaged = rows - len(sessions) - len(probes) - len(channels) - len(units)
    session_of = dict(zip(probes['id'], probes['ecephys_session_id'], strict=True))
    recorded = channels.assign(
        session=channels['ecephys_probe_id'].map(session_of), area=channels['ecephys_structure_acronym'].astype(str)
    )
    recorded = recorded[recorded['id'].isin(units['ecephys_channel_id'])]
    by_session = dict(iter(recorded.groupby('session')))
    all_sessions = []
    for number, animal, kind, genotype, has_nwb in zip(
        sessions['id'].tolist(),
        sessions['specimen_id'].tolist(),
        sessions['session_type'],
        sessions['genotype'],
        sessions['has_nwb'],
        strict=True,
    ):
        rows_of = by_session.get(number, recorded[:0])
        all_sessions.append(
            AllenSession(
                id=number,
                session_type=str(kind),
                container=None,
                animal=str(animal),
                areas=tuple(area for area in AREAS if area in set(rows_of['area'])),
                cre_line=_driver(genotype),
                depth_um=None,
                urls=(f'{bucket_url}/session_{number}/session_{number}.nwb', *links.get(str(number), ())),
                usable=bool(has_nwb),
                channel_areas=dict(zip(rows_of['id'].tolist(), rows_of['area'], strict=True)),
                channel_positions=_positions(rows_of),
            )
        )
    if not any(session.areas for session in all_sessions):
        raise DataError(
            f'no session has units in {", ".join(AREAS)}: the tables are cut short, or of different origin.'
        )
    return [session for session in all_sessions if session.areas], n_damaged


def _positions(channels: pd.DataFrame) -> dict[int, tuple[float, float, float]]:
    """Coordinates of channels; -1000 stands for a channel that wasn't located."""
    if channels[list(_COORDINATES)].isna().all(axis=None):  # the table lacks them
        return {}
    numbers = channels[list(_COORDINATES)].apply(pd.to_numeric, errors='coerce').astype(float)
    values = numbers.mask(numbers == _NOT_LOCATED)
    return {
        int(number): (float(front), float(top), float(left))
        for number, front, top, left in zip(channels['id'], *(values[name] for name in _COORDINATES), strict=True)
    }


def _driver(genotype: Any) -> str:
    """Driver line of a genotype: `Sst-IRES-Cre` for `Sst-IRES-Cre/wt;Ai32(…)/wt`, `NO_CRE` for the wild type."""
    first = str(genotype).split(';')[0].split('/')[0]
    return first if 'Cre' in first else NO_CRE
