"""Siegle2021: the Neuropixels survey of the Allen Brain Observatory.

This module imports nothing heavy: the command line reads it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2m_benchmarks.acquisition.allen.ecephys.settings import EcephysSettings
from m2m_benchmarks.acquisition.allen.sessions import AllenSelection, AllenSession
from m2m_benchmarks.acquisition.allen.survey import CRE, SERVERS, AllenSurvey
from m2m_benchmarks.acquisition.options import Option, OptionError, comma_separated
from m2m_benchmarks.acquisition.sessions import Listing
from m2m_benchmarks.acquisition.survey import Estimate
from m2m_benchmarks.data.areas import standard_area
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.progress import Progress

if TYPE_CHECKING:
    from m2m_benchmarks.acquisition.pipeline.responses import SessionResponses
    from m2m_benchmarks.acquisition.pipeline.tasks import ExtractionTask, SessionFiles
    from m2m_benchmarks.acquisition.published import PublishedNumber

_TYPES = Option(
    'session_types',
    'Types of the sessions, separated by commas: brain_observatory_1.1, functional_connectivity. '
    'Default: brain_observatory_1.1.',
)


class Siegle2021(AllenSurvey):
    """Neuropixels recordings of sorted units; several areas a session."""

    name = 'Siegle2021'
    title = 'Neuropixels'
    settings_type = EcephysSettings
    session_note = ' (a Neuropixels session counts in each of its areas)'
    estimate = Estimate(moved_share=1 / 5, session_s=20, responses_bytes=8e6)
    required = ('units/spike_times', 'units/spike_times_index', 'intervals/natural_scenes_presentations/frame')
    options = (
        CRE,
        _TYPES,
        Option('window', 'Window after image onset in which spikes are counted, in milliseconds. Default: 65-255ms.'),
        Option(
            'amplitude_cutoff',
            'Maximum fraction of missing spikes of a unit; none disables the filter.',
            default='0.1',
        ),
        Option(
            'presence_ratio',
            'Minimum fraction of the session in which a unit fires; none disables the filter.',
            default='0.95',
        ),
        Option(
            'isi_violations',
            'Maximum relative rate of spikes in the refractory period of a unit; none disables the filter.',
            default='0.5',
        ),
        Option(
            'any_quality', 'Include units that are marked as noise or are on invalid channels.', bool, default=False
        ),
        Option('missing_metrics', 'Include units with a quality metric that was not computed.', bool, default=False),
        *SERVERS,
    )

    def settings(self, given: Mapping[str, Any]) -> EcephysSettings:
        """Make the settings from the options."""
        return EcephysSettings(
            _milliseconds(given['window'] or '65-255ms'),
            amplitude_cutoff=_limit('--amplitude-cutoff', given['amplitude_cutoff']),
            presence_ratio=_limit('--presence-ratio', given['presence_ratio']),
            isi_violations=_limit('--isi-violations', given['isi_violations']),
            only_valid=not given['any_quality'],
            missing_metrics=given['missing_metrics'],
        )

    def selection(self, areas: Sequence[str] | None, number: int | None, given: Mapping[str, Any]) -> AllenSelection:
        """Make the selection, which includes session types."""
        types = comma_separated(_TYPES.flag, given['session_types'])
        return replace(super().selection(areas, number, given), session_types=types)

    def settings_for(self, settings: EcephysSettings, selection: AllenSelection) -> EcephysSettings:
        """Restrict the settings to the selected areas, since a session records several."""
        if selection.areas is None:
            return settings
        wanted = {standard_area(area) for area in selection.areas}
        return replace(settings, areas=tuple(area for area in settings.areas if area in wanted))

    def list_sessions(self, selection: AllenSelection, folder: Path, progress: Progress | None) -> Listing:
        """List the sessions with natural scenes, or of the selected types."""
        from m2m_benchmarks.acquisition.allen.ecephys.listing import ecephys_sessions

        if selection.depth_um != (None, None):
            raise DataError(f'{self.name} has no imaging depth; leave the depth out.')
        return ecephys_sessions(folder / 'tables', selection, progress)

    def extract(self, session: AllenSession, settings: EcephysSettings, files: 'SessionFiles') -> 'SessionResponses':
        """Extract the firing rates of a session's units; Cre line and animal are those of the catalogue."""
        from m2m_benchmarks.acquisition.allen.ecephys.extraction import extract_ecephys
        from m2m_benchmarks.acquisition.allen.nwb import open_source

        with files.open() as source, open_source(source) as file:
            responses = extract_ecephys(file, settings, session.channel_areas, session.channel_positions)
        # The Cre line is that of the optogenetically driven cells, so it doesn't tell a unit's type. The animal is the
        # specimen's id, as in the tables of the survey; files have the donor's.
        from_catalogue = {'cre_line': session.cre_line, **({'animal': session.animal} if session.animal else {})}
        return replace(responses, neuroids=responses.neuroids.assign(**from_catalogue))

    def published_numbers(self) -> Sequence['PublishedNumber']:
        """Published numbers that the dataset should reproduce."""
        from m2m_benchmarks.acquisition.allen.ecephys.published import NUMBERS

        return NUMBERS

    def stimuli(
        self,
        selection: AllenSelection,
        tasks: Mapping[str, 'ExtractionTask'],
        extracted: Mapping[str, Path],
        progress: Progress,
    ) -> tuple[list[Path], int]:
        """Download the scenes from the server, since session files hold none."""
        from m2m_benchmarks.acquisition.allen.scenes import scene_urls, server_scenes

        return server_scenes(self.scenes_folder, scene_urls(selection.mirror), progress, retry=selection.retry)

    def stimuli_bytes(self, selection: AllenSelection, progress: Progress | None) -> int:
        """Bytes of the scenes that aren't on this machine yet."""
        from m2m_benchmarks.acquisition.allen.scenes import scene_sizes

        sizes = scene_sizes(self.scenes_folder, selection.mirror, selection.retry, progress)
        return sum(size or 0 for size in sizes)


def _milliseconds(text: str) -> tuple[float, float]:
    match = re.fullmatch(r'\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*(?:ms)?\s*', text)
    if not match:
        raise OptionError(f'--window is {text}; expected milliseconds, as in 65-255ms.')
    return float(match[1]), float(match[2])


def _limit(option: str, text: str) -> float | None:
    if text.strip().lower() == 'none':
        return None
    try:
        return float(text)
    except ValueError as error:
        raise OptionError(f'{option} is {text}; expected a number or none.') from error
