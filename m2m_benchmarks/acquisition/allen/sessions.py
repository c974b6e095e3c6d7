"""Sessions of the Allen Brain Observatory, the addresses of its servers, and the selection of sessions.

The tables are downloaded once, from the public bucket or, if that fails, from the warehouse (api.brain-map.org), with
the queries of AllenSDK.
This module imports nothing heavy: the command line reads it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from m2m_benchmarks.acquisition.sessions import Listing, Selection, Session, choose, match_sessions
from m2m_benchmarks.data.areas import AREAS

MIRROR = 'https://allen-brain-observatory.s3.us-west-2.amazonaws.com'
WAREHOUSE = 'https://api.brain-map.org'
#: Path of the warehouse's query service.
QUERY = '/api/v2/data/query.json'
#: Folders of the bucket.
OPHYS, ECEPHYS = '/visual-coding-2p', '/visual-coding-neuropixels/ecephys-cache'
#: Cre line of an animal without one.
NO_CRE = 'none'


@dataclass(frozen=True, kw_only=True)
class AllenSelection(Selection):
    """Criteria by which sessions are selected, and addresses of their tables and files.

    Attributes
    ----------
    cre_lines : sequence of str, optional
        Cre lines, in upper or lower case; all by default.
    depth_um : (low, high)
        Range of the imaging depth of 2-photon sessions, both ends included; None leaves a side open.
    session_types : sequence of str, optional
        Types of Neuropixels sessions.
    mirror, warehouse : str
        Addresses of the bucket and of the API.
    """

    cre_lines: Sequence[str] | None = None
    depth_um: tuple[float | None, float | None] = (None, None)
    session_types: Sequence[str] | None = None
    mirror: str = MIRROR
    warehouse: str = WAREHOUSE


@dataclass(frozen=True, kw_only=True)
class AllenSession(Session):
    """A session of the Allen Brain Observatory; `areas` are some of the six visual areas.

    It is usable if its container passed quality control (2-photon), or it has an NWB file (Neuropixels).

    Attributes
    ----------
    session_type : str
    container : int or None
        Id shared by the 2-photon sessions of the same cells; None for Neuropixels.
    animal : str
        Name of the donor (2-photon) or id of the specimen (Neuropixels).
    cre_line : str
        Cre line, such as `Cux2-CreERT2`, or `NO_CRE`.
    depth_um : int or None
        Depth of the imaging plane; None for Neuropixels.
    events_urls : tuple of str
        Mirrors of the file of events, which some 2-photon sessions lack, in order.
    channel_areas : mapping
        Channel id to structure (Neuropixels); files may hold an older annotation than these.
    channel_positions : mapping
        Channel id to its place in the common coordinate framework, in µm from front to back, from top to bottom and
        from left to right (Neuropixels); NaN where a channel wasn't located.
    """

    id: int
    session_type: str
    container: int | None
    animal: str
    cre_line: str
    depth_um: int | None
    events_urls: tuple[str, ...] = ()
    channel_areas: Mapping[int, str] = field(default_factory=dict, repr=False)
    channel_positions: Mapping[int, tuple[float, float, float]] = field(default_factory=dict, repr=False)

    @property
    def group(self) -> str:
        """The Cre line."""
        return self.cre_line


def choose_sessions(sessions: Sequence[AllenSession], selection: AllenSelection) -> Listing:
    """Select sessions.

    Raises
    ------
    DataError
        When no session matches.
    UnknownNameError
        When an area or a Cre line is unknown.
    """
    lines = choose('Cre line', selection.cre_lines, sorted({session.cre_line for session in sessions}))
    low, high = selection.depth_um[0] or 0, math.inf if selection.depth_um[1] is None else selection.depth_um[1]
    depths = '' if selection.depth_um == (None, None) else f', {low:g} to {high:g} µm deep,'
    return match_sessions(
        sessions,
        selection,
        AREAS,
        lambda session: session.cre_line in lines and (session.depth_um is None or low <= session.depth_um <= high),
        f' with Cre line {" or ".join(sorted(lines))}{depths}',
        'areas, Cre lines or depths',
    )


def file_links(record: dict[str, Any], kind: str, warehouse: str) -> tuple[str, ...]:
    """Addresses of a session's files of one kind in the warehouse, according to its record."""
    from m2m_benchmarks.acquisition.allen.tables import field

    files = [] if record.get('well_known_files') is None else field(record, list, 'well_known_files')
    return tuple(
        warehouse + field(file, str, 'download_link')
        for file in files
        if field(file, str, 'well_known_file_type', 'name') == kind
    )
