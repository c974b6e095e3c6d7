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
from m2m_benchmarks.acquisition.allen.tables import Tables, field, integers, read_catalogue
from m2m_benchmarks.acquisition.sessions import Listing, choose, choose_areas
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.progress import Progress

#: Types of Neuropixels sessions of the survey; the tables also list other studies.
ECEPHYS_TYPES = ('brain_observatory_1.1', 'functional_connectivity')
_SESSIONS = 'EcephysSession,rma::include,specimen(donor(age)),well_known_files(well_known_file_type)'
_CHANNELS = (
    "EcephysChannel,rma::include,structure,rma::options[tabular$eq'ecephys_channels.id,ecephys_probe_id,"
    "structures.acronym as ecephys_structure_acronym']"
)


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
    sessions = _all_sessions(folder, selection, progress)
    return choose_sessions([session for session in sessions if session.session_type in types], selection)


def _all_sessions(folder: Path, selection: AllenSelection, progress: Progress | None) -> list[AllenSession]:
    """List all Neuropixels sessions with sorted units in any of the six areas."""
    warehouse = selection.warehouse
    place, query = f'{selection.mirror}{ECEPHYS}', f'{warehouse}{QUERY}'

    def bucket(tables: Tables) -> list[AllenSession]:
        def table(name: str, *columns: str) -> pd.DataFrame:
            return tables.csv(f'{place}/{name}.csv', f'ecephys_{name}.csv', columns)

        first_time = not (folder / 'ecephys_sessions.csv').exists()
        sessions = table('sessions', 'id', 'specimen_id', 'session_type', 'genotype', 'has_nwb')
        return _ecephys(
            sessions.assign(has_nwb=sessions['has_nwb'] == 'True'),
            table('probes', 'id', 'ecephys_session_id'),
            table('channels', 'id', 'ecephys_probe_id', 'ecephys_structure_acronym'),
            table('units', 'id', 'ecephys_channel_id'),
            second_mirrors(first_time),
            place,
        )

    def second_mirrors(first_time: bool) -> dict[str, tuple[str, ...]]:
        # The bucket's tables don't name them. They are optional, so a failed request isn't repeated each time.
        if not first_time and not (folder / 'ecephys_sessions_rma-0.json').exists():
            return {}
        tables = Tables(folder, replace(selection.retry, tries=1), progress)
        try:
            rows = tables.pages(f'{query}?criteria=model::{_SESSIONS}', 'ecephys_sessions_rma')
            return {str(row.get('id')): file_links(row, 'EcephysNwb', warehouse) for row in rows}
        except DataError:
            tables.discard()
            return {}

    def api(tables: Tables) -> list[AllenSession]:
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
            table('channels', _CHANNELS, 'id', 'ecephys_probe_id', 'ecephys_structure_acronym'),
            table('units', 'EcephysUnit', 'id', 'ecephys_channel_id'),
            links,
            place,
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
    place: str,
) -> list[AllenSession]:
    sessions = sessions[sessions['session_type'].isin(ECEPHYS_TYPES)]
    session_of = dict(
        zip(integers(probes, 'id', 'probes'), integers(probes, 'ecephys_session_id', 'probes'), strict=True)
    )
    recorded = channels.assign(
        session=integers(channels, 'ecephys_probe_id', 'channels').map(session_of),
        area=channels['ecephys_structure_acronym'].astype(str),
    )
    recorded = recorded[integers(channels, 'id', 'channels').isin(integers(units, 'ecephys_channel_id', 'units'))]
    areas = recorded.groupby('session')['area'].agg(set).to_dict()
    structures = {
        number: dict(zip(integers(rows, 'id', 'channels').tolist(), rows['area'], strict=True))
        for number, rows in recorded.groupby('session')
    }
    ids = integers(sessions, 'id', 'sessions')
    all_sessions = [
        AllenSession(
            id=number,
            session_type=str(kind),
            container=None,
            animal=str(animal),
            areas=tuple(area for area in AREAS if area in areas.get(number, ())),
            cre_line=_driver(genotype),
            depth_um=None,
            urls=(f'{place}/session_{number}/session_{number}.nwb', *links.get(str(number), ())),
            usable=bool(has_nwb),
            channel_areas=structures.get(number, {}),
        )
        for number, animal, kind, genotype, has_nwb in zip(
            ids.tolist(),
            integers(sessions, 'specimen_id', 'sessions').tolist(),
            sessions['session_type'],
            sessions['genotype'],
            sessions['has_nwb'],
            strict=True,
        )
    ]
    if not any(session.areas for session in all_sessions):
        raise DataError(
            f'no session has units in {", ".join(AREAS)}: the tables are cut short, or of different origin.'
        )
    return [session for session in all_sessions if session.areas]


def _driver(genotype: Any) -> str:
    """Driver line of a genotype: `Sst-IRES-Cre` for `Sst-IRES-Cre/wt;Ai32(…)/wt`, `NO_CRE` for the wild type."""
    first = str(genotype).split(';')[0].split('/')[0]
    return first if 'Cre' in first else NO_CRE
