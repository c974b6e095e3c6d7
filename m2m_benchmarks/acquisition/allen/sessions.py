"""Sessions of the Allen Brain Observatory, made of the tables that its servers give."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as field_
from pathlib import Path
from typing import Any

import pandas as pd

from m2m_benchmarks.acquisition.allen.tables import Tables, field, first_of, integers
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import DataError

#: What stands for the Cre line of an animal that has none.
NO_CRE = 'none'
#: Folders of the bucket.
OPHYS, ECEPHYS = '/visual-coding-2p', '/visual-coding-neuropixels/ecephys-cache'

#: The only type of 2-photon session that shows the natural scenes.
_OPHYS_TYPE = 'three_session_B'
_QUERY = '/api/v2/data/query.json'
_ALL = "rma::options[num_rows$eq'all'][count$eqfalse]"
_EXPERIMENTS = (
    'q=model::OphysExperiment,rma::include,experiment_container,well_known_files(well_known_file_type),'
    f'targeted_structure,specimen(donor(age,transgenic_lines)),{_ALL}'
)
_CONTAINERS = f'q=model::ExperimentContainer,{_ALL}'
#: Types of Neuropixels sessions of the survey; other studies are in the same tables.
ECEPHYS_TYPES = ('brain_observatory_1.1', 'functional_connectivity')
_SESSIONS = 'EcephysSession,rma::include,specimen(donor(age)),well_known_files(well_known_file_type)'
_CHANNELS = (
    "EcephysChannel,rma::include,structure,rma::options[tabular$eq'ecephys_channels.id,ecephys_probe_id,"
    "structures.acronym as ecephys_structure_acronym']"
)


@dataclass(frozen=True)
class Session:
    """A recording.

    Attributes
    ----------
    id : int
    modality : {'ophys', 'ecephys'}
    session_type : str
    container : int or None
        Sessions of one container are of the same cells; None for Neuropixels.
    animal : str
        The donor's name (ophys), the specimen's id (ecephys).
    areas : tuple of str
        Those of the mouse's six that were recorded from and, in a `Listing`, asked for.
    cre_line : str
        As in `Cux2-CreERT2`, or `NO_CRE`.
    depth_um : int or None
        Of the imaging plane; None for Neuropixels.
    urls, events_urls : tuple of str
        Mirrors of its NWB file, and of its events (which some 2-photon sessions lack), in order.
    usable : bool
        Its container passed quality control (ophys), or it has an NWB file (ecephys).
    channel_areas : mapping
        Structure by id of channel (ecephys): the tables are right where files hold an earlier annotation.
    """

    id: int
    modality: str
    session_type: str
    container: int | None
    animal: str
    areas: tuple[str, ...]
    cre_line: str
    depth_um: int | None
    urls: tuple[str, ...]
    events_urls: tuple[str, ...] = ()
    usable: bool = True
    channel_areas: Mapping[int, str] = field_(default_factory=dict, repr=False)


def ophys(folder: Path, mirror: str, warehouse: str, **options: Any) -> list[Session]:
    """All 2-photon sessions with natural scenes.

    Parameters
    ----------
    folder, options
        As of `Tables`.
    mirror, warehouse : str
        Addresses of the bucket and of the API.

    Raises
    ------
    DataError
        When neither gives a catalogue that can be read.
    """
    place, query = f'{mirror}{OPHYS}', f'{warehouse}{_QUERY}'

    def bucket(tables: Tables) -> list[Session]:
        return _ophys(
            tables.records(f'{place}/ophys_experiments.json', 'ophys_experiments.json'),
            lambda: tables.records(f'{place}/experiment_containers.json', 'experiment_containers.json'),
            place,
            warehouse,
        )

    def api(tables: Tables) -> list[Session]:
        return _ophys(
            tables.records(f'{query}?{_EXPERIMENTS}', 'ophys_experiments_rma.json'),
            lambda: tables.records(f'{query}?{_CONTAINERS}', 'experiment_containers_rma.json'),
            place,
            warehouse,
        )

    return first_of('2-photon sessions', folder, options, bucket, api)


def ecephys(folder: Path, mirror: str, warehouse: str, **options: Any) -> list[Session]:
    """All Neuropixels sessions with sorted units in any of the six areas; otherwise as `ophys`."""
    place, query = f'{mirror}{ECEPHYS}', f'{warehouse}{_QUERY}'

    def bucket(tables: Tables) -> list[Session]:
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
        # The bucket's tables don't name them. Without them there is one mirror; they aren't asked for each time.
        if not first_time and not (folder / 'ecephys_sessions_rma-0.json').exists():
            return {}
        tables = Tables(folder, **{**options, 'tries': 1})
        try:
            rows = tables.pages(f'{query}?criteria=model::{_SESSIONS}', 'ecephys_sessions_rma')
            return {str(row.get('id')): _links(row, 'EcephysNwb', warehouse) for row in rows}
        except DataError:
            for file in tables.files:
                file.unlink(missing_ok=True)
            return {}

    def api(tables: Tables) -> list[Session]:
        def table(name: str, criteria: str, *columns: str) -> pd.DataFrame:
            rows = tables.pages(f'{query}?criteria=model::{criteria}', f'ecephys_{name}_rma')
            return pd.DataFrame([{column: row.get(column) for column in columns} for row in rows])

        rows = tables.pages(f'{query}?criteria=model::{_SESSIONS}', 'ecephys_sessions_rma')
        links = {str(row.get('id')): _links(row, 'EcephysNwb', warehouse) for row in rows}
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

    return first_of('Neuropixels sessions', folder, options, bucket, api)


def _ophys(
    records: list[dict[str, Any]], containers: Callable[[], list[dict[str, Any]]], place: str, warehouse: str
) -> list[Session]:
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


def _ophys_session(record: dict[str, Any], place: str, warehouse: str) -> Session:
    number = field(record, int, 'id')
    lines = field(record, list, 'specimen', 'donor', 'transgenic_lines')
    drivers = [field(each, str, 'name') for each in lines if field(each, str, 'transgenic_line_type_name') == 'driver']
    events = f'{place}/ophys_experiment_events/{number}_events.npz'
    return Session(
        id=number,
        modality='ophys',
        session_type=_OPHYS_TYPE,
        container=field(record, int, 'experiment_container_id'),
        animal=str(field(record, (str, int), 'specimen', 'donor', 'external_donor_name')),
        areas=(field(record, str, 'targeted_structure', 'acronym'),),
        cre_line=next((name for name in drivers if 'Cre' in name), NO_CRE),
        depth_um=field(record, int, 'imaging_depth'),
        urls=(f'{place}/ophys_experiment_data/{number}.nwb', *_links(record, 'NWBOphys', warehouse)),
        events_urls=(events, *_links(record, 'ObservatoryEventsFile', warehouse)),
        usable=not field(record, bool, 'experiment_container', 'failed'),
    )


def _ecephys(
    sessions: pd.DataFrame,
    probes: pd.DataFrame,
    channels: pd.DataFrame,
    units: pd.DataFrame,
    links: Mapping[str, tuple[str, ...]],
    place: str,
) -> list[Session]:
    sessions = sessions[sessions['session_type'].isin(ECEPHYS_TYPES)]
    session_of = dict(
        zip(integers(probes, 'id', 'probes'), integers(probes, 'ecephys_session_id', 'probes'), strict=True)
    )
    found = channels.assign(
        session=integers(channels, 'ecephys_probe_id', 'channels').map(session_of),
        area=channels['ecephys_structure_acronym'].astype(str),
    )
    found = found[integers(channels, 'id', 'channels').isin(integers(units, 'ecephys_channel_id', 'units'))]
    areas = found.groupby('session')['area'].agg(set).to_dict()
    structures = {
        number: dict(zip(integers(rows, 'id', 'channels').tolist(), rows['area'], strict=True))
        for number, rows in found.groupby('session')
    }
    ids = integers(sessions, 'id', 'sessions')
    made = [
        Session(
            id=number,
            modality='ecephys',
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
    if not any(session.areas for session in made):
        raise DataError(
            f'no session has units in {", ".join(AREAS)}: its tables are cut short, or of different origin.'
        )
    return [session for session in made if session.areas]


def _driver(genotype: Any) -> str:
    """`Sst-IRES-Cre` of `Sst-IRES-Cre/wt;Ai32(…)/wt`; nothing stands for the wild type."""
    first = str(genotype).split(';')[0].split('/')[0]
    return first if 'Cre' in first else NO_CRE


def _links(record: dict[str, Any], kind: str, warehouse: str) -> tuple[str, ...]:
    """Where the warehouse has a session's files of a kind, as far as its record says."""
    files = [] if record.get('well_known_files') is None else field(record, list, 'well_known_files')
    return tuple(
        warehouse + field(each, str, 'download_link')
        for each in files
        if field(each, str, 'well_known_file_type', 'name') == kind
    )
