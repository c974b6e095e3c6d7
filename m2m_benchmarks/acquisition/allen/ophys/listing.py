"""Lists the 2-photon sessions of the Allen Brain Observatory with natural scenes and the addresses of their files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from m2m_benchmarks.acquisition.allen.sessions import (
    NO_CRE,
    OPHYS,
    QUERY,
    AllenSelection,
    AllenSession,
    choose_sessions,
    file_links,
)
from m2m_benchmarks.acquisition.allen.tables import Tables, field, read_catalogue
from m2m_benchmarks.acquisition.sessions import Listing, choose_areas
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.progress import Progress

#: The only type of 2-photon session that shows the natural scenes.
_OPHYS_TYPE = 'three_session_B'
_ALL = "rma::options[num_rows$eq'all'][count$eqfalse]"
_EXPERIMENTS = (
    'q=model::OphysExperiment,rma::include,experiment_container,well_known_files(well_known_file_type),'
    f'targeted_structure,specimen(donor(age,transgenic_lines)),{_ALL}'
)
_CONTAINERS = f'q=model::ExperimentContainer,{_ALL}'


def ophys_sessions(folder: Path, selection: AllenSelection, progress: Progress | None = None) -> Listing:
    """List the selected 2-photon sessions with natural scenes.

    Parameters
    ----------
    folder : Path
        Folder for the tables.
    selection : AllenSelection
    progress : callable, optional
        See `download`.

    Raises
    ------
    DataError
        When the catalogue of neither server can be read, or no session matches.
    UnknownNameError
        When an area or a Cre line is unknown.
    StorageError
        When the folder can't be written to.
    """
    choose_areas(selection.areas, AREAS)  # raises for unknown areas before anything is downloaded
    sessions, n_damaged = _all_sessions(folder, selection, progress)
    return replace(choose_sessions(sessions, selection), n_damaged=n_damaged)


def _all_sessions(folder: Path, selection: AllenSelection, progress: Progress | None) -> tuple[list[AllenSession], int]:
    """List all 2-photon sessions with natural scenes, and count the damaged records."""
    warehouse = selection.warehouse
    bucket_url, query = f'{selection.mirror}{OPHYS}', f'{warehouse}{QUERY}'

    def bucket(tables: Tables) -> tuple[list[AllenSession], int]:
        return _ophys(
            tables.records(f'{bucket_url}/ophys_experiments.json', 'ophys_experiments.json'),
            lambda: tables.records(f'{bucket_url}/experiment_containers.json', 'experiment_containers.json'),
            bucket_url,
            warehouse,
        )

    def api(tables: Tables) -> tuple[list[AllenSession], int]:
        return _ophys(
            tables.records(f'{query}?{_EXPERIMENTS}', 'ophys_experiments_rma.json', query=True),
            lambda: tables.records(f'{query}?{_CONTAINERS}', 'experiment_containers_rma.json', query=True),
            bucket_url,
            warehouse,
        )

    return read_catalogue(
        '2-photon sessions', lambda anew: Tables(folder, selection.retry, progress, anew), bucket, api
    )


def _ophys(
    records: list[dict[str, Any]], containers: Callable[[], list[dict[str, Any]]], bucket_url: str, warehouse: str
) -> tuple[list[AllenSession], int]:
    """Make the sessions of the records, and count the records that lack something."""
    # The warehouse lists other studies in the same table, with records that may lack fields.
    other_containers = {
        str(record.get('experiment_container_id'))
        for record in records
        if str(record.get('stimulus_name')).upper().startswith('OPHYS_')
    }
    records = [
        record
        for record in records
        if record.get('stimulus_name') == _OPHYS_TYPE
        and str(record.get('experiment_container_id')) not in other_containers
    ]
    if not records:
        raise DataError(f'the catalogue lists no session of type {_OPHYS_TYPE}.')
    if not all(isinstance(record.get('experiment_container'), dict) for record in records):
        container_by_id = {str(field(container, int, 'id')): container for container in containers()}
        for record in records:
            record['experiment_container'] = container_by_id.get(str(record.get('experiment_container_id')))
    sessions, damage = {}, []
    for record in records:
        try:
            session = _ophys_session(record, bucket_url, warehouse)
        except DataError as error:
            damage.append(error)
        else:
            sessions[session.id] = session
    if not sessions:
        raise damage[0]
    return list(sessions.values()), len(damage)


def _ophys_session(record: dict[str, Any], bucket_url: str, warehouse: str) -> AllenSession:
    number = field(record, int, 'id')
    lines = field(record, list, 'specimen', 'donor', 'transgenic_lines')
    drivers = [field(line, str, 'name') for line in lines if field(line, str, 'transgenic_line_type_name') == 'driver']
    events = f'{bucket_url}/ophys_experiment_events/{number}_events.npz'
    return AllenSession(
        id=number,
        session_type=_OPHYS_TYPE,
        container=field(record, int, 'experiment_container_id'),
        animal=str(field(record, (str, int), 'specimen', 'donor', 'external_donor_name')),
        areas=(field(record, str, 'targeted_structure', 'acronym'),),
        cre_line=next((name for name in drivers if 'Cre' in name), NO_CRE),
        depth_um=_whole(record, 'imaging_depth'),
        urls=(f'{bucket_url}/ophys_experiment_data/{number}.nwb', *file_links(record, 'NWBOphys', warehouse)),
        events_urls=(events, *file_links(record, 'ObservatoryEventsFile', warehouse)),
        usable=not field(record, bool, 'experiment_container', 'failed'),
    )


def _whole(record: dict[str, Any], name: str) -> int:
    """Return a whole number of a record, which may be written as 175.0."""
    value = field(record, (int, float), name)
    if value % 1:
        raise DataError(f'the record {record.get("id")} of the catalogue has the {name} {value}, not a whole number.')
    return int(value)
