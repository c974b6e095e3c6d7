"""deVries2020: the 2-photon survey of the Allen Brain Observatory.

This module imports nothing heavy: the command line reads it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2m_benchmarks.acquisition.allen import N_SCENES
from m2m_benchmarks.acquisition.allen.ophys.settings import OphysSettings
from m2m_benchmarks.acquisition.allen.sessions import AllenSelection, AllenSession
from m2m_benchmarks.acquisition.allen.survey import CRE, SERVERS, AllenSurvey
from m2m_benchmarks.acquisition.options import Option, OptionError
from m2m_benchmarks.acquisition.sessions import Listing
from m2m_benchmarks.acquisition.survey import Estimate
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.progress import Progress

if TYPE_CHECKING:
    from m2m_benchmarks.acquisition.pipeline.responses import SessionResponses
    from m2m_benchmarks.acquisition.pipeline.tasks import ExtractionTask, SessionFiles
    from m2m_benchmarks.acquisition.published import PublishedNumber

#: Most bytes of the images in a session's file.
_STORED_SCENES_BYTES = N_SCENES * 918 * 1174 * 4


class DeVries2020(AllenSurvey):
    """2-photon calcium imaging; one area a session."""

    name = 'deVries2020'
    title = '2-photon'
    settings_type = OphysSettings
    # Sessions may have been shown other images than those on the server.
    stimuli_from_sessions = True
    # Files hold four matrices of traces beside the images; a packed one is read whole.
    estimate = Estimate(moved_share=1 / 3, session_s=10, responses_bytes=4e6)
    further_title = 'events'
    required = (
        'processing/brain_observatory_pipeline/ImageSegmentation/cell_specimen_ids',
        'stimulus/presentation/natural_scenes_stimulus/frame_duration',
    )
    options = (
        CRE,
        Option('depth', 'Imaging depth of the sessions in µm, as in 175-275, 300- or -300.', metavar='LOW-HIGH'),
        Option(
            'signal', 'Signal that responses are computed from: dff, corrected (fluorescence) or events.', default='dff'
        ),
        Option(
            'window',
            'Time from the onset of an image over which the signal is averaged, in frames or milliseconds, as in 14, '
            '2-12f or 500ms. Default: 14.',
        ),
        Option(
            'baseline',
            'Time before the onset of an image whose mean is the baseline, in frames or milliseconds, as in 28 or '
            '900ms. Default: 28 for corrected, else no baseline.',
        ),
        Option(
            'sdk_compatible',
            "Compute responses like AllenSDK's NaturalScenes: sets the signal, window and baseline.",
            bool,
            default=False,
        ),
        Option(
            'course',
            'Frames before and after the onset of an image whose time course is kept, as in 7+28. Default: 7+28.',
            metavar='BEFORE+AFTER',
        ),
        *SERVERS,
    )

    def settings(self, given: Mapping[str, Any]) -> OphysSettings:
        """Make the settings from the options."""
        return OphysSettings(
            given['signal'],
            given['window'] or '14',
            given['baseline'],
            given['sdk_compatible'],
            given['course'] or '7+28',
        )

    def selection(self, areas: Sequence[str] | None, number: int | None, given: Mapping[str, Any]) -> AllenSelection:
        """Make the selection, which includes the imaging depth."""
        return replace(super().selection(areas, number, given), depth_um=_depth(given['depth']))

    def list_sessions(self, selection: AllenSelection, folder: Path, progress: Progress | None) -> Listing:
        """List the sessions with natural scenes."""
        from m2m_benchmarks.acquisition.allen.ophys.listing import ophys_sessions

        if selection.session_types is not None:
            raise DataError(
                f'{self.name} has only one type of session with natural scenes; leave the session types out.'
            )
        return ophys_sessions(folder / 'tables', selection, progress)

    def extract(self, session: AllenSession, settings: OphysSettings, files: 'SessionFiles') -> 'SessionResponses':
        """Extract the responses of a session's cells; Cre line and cell type are those of the catalogue."""
        from m2m_benchmarks.acquisition.allen.nwb import open_source
        from m2m_benchmarks.acquisition.allen.ophys.cells import cell_type
        from m2m_benchmarks.acquisition.allen.ophys.extraction import SOME_SCENES, extract_ophys, read_events

        events = None
        if settings.used_signal == 'events':
            events = read_events(files.download(session.events_urls, f'{session.id}_events.npz'))
        with files.open() as source, open_source(source) as file:
            responses = extract_ophys(file, settings, events, SOME_SCENES)
        # Files may have alleles or older names of Cre lines.
        neuroids = responses.neuroids.assign(cre_line=session.cre_line, cell_type=cell_type(session.cre_line))
        return replace(responses, neuroids=neuroids)

    def expected_cost(self, settings: OphysSettings) -> Estimate:
        """Estimate the cost of a session: corrected fluorescence needs two matrices, and all other signals one."""
        return replace(self.estimate, moved_share=3 / 5) if settings.used_signal == 'corrected' else self.estimate

    def further_urls(self, session: AllenSession, settings: OphysSettings) -> Sequence[str]:
        """Mirrors of the events, if the settings need them."""
        return session.events_urls if settings.used_signal == 'events' else ()

    def published_numbers(self) -> Sequence['PublishedNumber']:
        """Published numbers that the dataset should reproduce."""
        from m2m_benchmarks.acquisition.allen.ophys.published import NUMBERS

        return NUMBERS

    def stimuli(
        self,
        selection: AllenSelection,
        tasks: Mapping[str, 'ExtractionTask'],
        extracted: Mapping[str, Path],
        progress: Progress,
    ) -> tuple[list[Path], int]:
        """Get the scenes that most sessions were shown."""
        from m2m_benchmarks.acquisition.allen.ophys.scenes import shown_scenes
        from m2m_benchmarks.acquisition.allen.scenes import scene_urls

        urls = scene_urls(selection.mirror)
        return shown_scenes(self.scenes_folder, urls, extracted, tasks, progress, selection.retry)

    def stimuli_bytes(self, selection: AllenSelection, progress: Progress | None) -> int:
        """Bytes of the scenes on the server, or of those in a session if the server lacks one."""
        from m2m_benchmarks.acquisition.allen.ophys.scenes import scenes_kept
        from m2m_benchmarks.acquisition.allen.scenes import scene_sizes

        if scenes_kept(self.scenes_folder):
            return 0
        sizes = scene_sizes(self.scenes_folder, selection.mirror, selection.retry, progress)
        return _STORED_SCENES_BYTES if None in sizes else sum(size or 0 for size in sizes)


def _depth(text: str | None) -> tuple[float | None, float | None]:
    if text is None:
        return None, None
    match = re.fullmatch(r'(\d*)-(\d*)|(\d+)', text.replace(' ', ''))
    low, high = (None, None) if match is None else (match[1] or match[3], match[2] or match[3])
    if not (low or high) or (low and high and int(high) < int(low)):
        raise OptionError(f'--depth is {text}; expected micrometres, as in 175-275, 300-, -300 or 175.')
    return float(low) if low else None, float(high) if high else None
