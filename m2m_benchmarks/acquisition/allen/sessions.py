"""Sessions of the Allen Brain Observatory, where its servers are, and the choice among sessions.

The tables come from the public bucket; where it can't be reached, or gives something else, from the warehouse
(api.brain-map.org), by the queries that AllenSDK sends. A table that is in the folder already is not asked for again.
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
#: Where the warehouse answers queries.
QUERY = '/api/v2/data/query.json'
#: Folders of the bucket.
OPHYS, ECEPHYS = '/visual-coding-2p', '/visual-coding-neuropixels/ecephys-cache'
#: What stands for the Cre line of an animal that has none.
NO_CRE = 'none'


@dataclass(frozen=True, kw_only=True)
class AllenSelection(Selection):
    """Sessions that are wanted, and where their tables and files are.

    Attributes
    ----------
    cre_lines : sequence of str, optional
        All by default; upper and lower case are the same.
    depth_um : (low, high)
        Imaging depth of 2-photon sessions, both included; None leaves a side open.
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
    """A recording of the Allen Brain Observatory; `areas` are some of the mouse's six.

    It is usable when its container passed quality control (2-photon), or it has an NWB file (Neuropixels).

    Attributes
    ----------
    session_type : str
    container : int or None
        Sessions of one container are of the same cells; None for Neuropixels.
    animal : str
        The donor's name (2-photon), the specimen's id (Neuropixels).
    cre_line : str
        As in `Cux2-CreERT2`, or `NO_CRE`.
    depth_um : int or None
        Depth of the imaging plane; None for Neuropixels.
    events_urls : tuple of str
        Mirrors of its events, which some 2-photon sessions lack, in order.
    channel_areas : mapping
        Structure by id of channel (Neuropixels): the tables are right where files hold an earlier annotation.
    """

    id: int
    session_type: str
    container: int | None
    animal: str
    cre_line: str
    depth_um: int | None
    events_urls: tuple[str, ...] = ()
    channel_areas: Mapping[int, str] = field(default_factory=dict, repr=False)

    @property
    def group(self) -> str:
        """The Cre line."""
        return self.cre_line


def choose_sessions(sessions: Sequence[AllenSession], selection: AllenSelection) -> Listing:
    """Those of all sessions that are wanted.

    Raises
    ------
    DataError
        When no session matches.
    UnknownNameError
        For an area or a Cre line that there isn't.
    """
    lines = choose('Cre line', selection.cre_lines, sorted({each.cre_line for each in sessions}))
    low, high = selection.depth_um[0] or 0, math.inf if selection.depth_um[1] is None else selection.depth_um[1]
    depths = '' if selection.depth_um == (None, None) else f', {low:g} to {high:g} µm deep'
    return match_sessions(
        sessions,
        selection,
        AREAS,
        lambda each: each.cre_line in lines and (each.depth_um is None or low <= each.depth_um <= high),
        f' has a Cre line of {", ".join(sorted(lines))}{depths}',
        'areas, Cre lines or depths',
    )


def file_links(record: dict[str, Any], kind: str, warehouse: str) -> tuple[str, ...]:
    """Where the warehouse has a session's files of a kind, as far as its record says."""
    from m2m_benchmarks.acquisition.allen.tables import field

    files = [] if record.get('well_known_files') is None else field(record, list, 'well_known_files')
    return tuple(
        warehouse + field(each, str, 'download_link')
        for each in files
        if field(each, str, 'well_known_file_type', 'name') == kind
    )
