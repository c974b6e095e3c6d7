"""Which 2-photon sessions of the Allen Brain Observatory show the natural scenes, and where their files are."""

from collections.abc import Callable
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
from m2m_benchmarks.acquisition.allen.tables import Tables, field, first_of
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
    """2-photon sessions with natural scenes that are wanted.

    Parameters
    ----------
    folder : Path
        Where the tables go.
    selection : AllenSelection
    progress : callable, optional
        The progress of `download`.

    Raises
    ------
    DataError
        When neither server gives a catalogue that can be read, or no session matches.
    UnknownNameError
        For an area or a Cre line that there isn't.
    StorageError
        When the folder can't be written to.
    """
    choose_areas(selection.areas, AREAS)  # a wrong one is said before anything is asked for
    return choose_sessions(_all_sessions(folder, selection, progress), selection)


def _all_sessions(folder: Path, selection: AllenSelection, progress: Progress | None) -> list[AllenSession]:
    """All 2-photon sessions with natural scenes."""
    warehouse = selection.warehouse
    place, query = f'{selection.mirror}{OPHYS}', f'{warehouse}{QUERY}'

    def bucket(tables: Tables) -> list[AllenSession]:
        return _ophys(
            tables.records(f'{place}/ophys_experiments.json', 'ophys_experiments.json'),
            lambda: tables.records(f'{place}/experiment_containers.json', 'experiment_containers.json'),
            place,
            warehouse,
        )

    def api(tables: Tables) -> list[AllenSession]:
        return _ophys(
            tables.records(f'{query}?{_EXPERIMENTS}', 'ophys_experiments_rma.json'),
            lambda: tables.records(f'{query}?{_CONTAINERS}', 'experiment_containers_rma.json'),
            place,
            warehouse,
        )

    return first_of('2-photon sessions', lambda anew: Tables(folder, selection.retry, progress, anew), bucket, api)


def _ophys(
    records: list[dict[str, Any]], containers: Callable[[], list[dict[str, Any]]], place: str, warehouse: str
) -> list[AllenSession]:
    # The warehouse has the sessions of other studies in the same table; what their records lack doesn't matter.
    others = {
        str(each.get('experiment_container_id'))
        for each in records
        if str(each.get('stimulus_name')).upper().startswith('OPHYS_')
    }
    records = [
        each
        for each in records
        if each.get('stimulus_name') == _OPHYS_TYPE and str(each.get('experiment_container_id')) not in others
    ]
    if not records:
        raise DataError(f'the catalogue lists no session of type {_OPHYS_TYPE}.')
    if not all(isinstance(each.get('experiment_container'), dict) for each in records):
        known = {field(each, int, 'id'): each for each in containers()}
        for each in records:
            each['experiment_container'] = known.get(field(each, int, 'experiment_container_id'))
    return [
        _ophys_session(each, place, warehouse) for each in {field(each, int, 'id'): each for each in records}.values()
    ]


def _ophys_session(record: dict[str, Any], place: str, warehouse: str) -> AllenSession:
    number = field(record, int, 'id')
    lines = field(record, list, 'specimen', 'donor', 'transgenic_lines')
    drivers = [field(each, str, 'name') for each in lines if field(each, str, 'transgenic_line_type_name') == 'driver']
    events = f'{place}/ophys_experiment_events/{number}_events.npz'
    return AllenSession(
        id=number,
        session_type=_OPHYS_TYPE,
        container=field(record, int, 'experiment_container_id'),
        animal=str(field(record, (str, int), 'specimen', 'donor', 'external_donor_name')),
        areas=(field(record, str, 'targeted_structure', 'acronym'),),
        cre_line=next((name for name in drivers if 'Cre' in name), NO_CRE),
        depth_um=field(record, int, 'imaging_depth'),
        urls=(f'{place}/ophys_experiment_data/{number}.nwb', *file_links(record, 'NWBOphys', warehouse)),
        events_urls=(events, *file_links(record, 'ObservatoryEventsFile', warehouse)),
        usable=not field(record, bool, 'experiment_container', 'failed'),
    )
