"""Toy: a JSON file on a web server that lists sessions (.npz files) and the images they were shown.

The command line imports this module: what is heavy is imported where it is used.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2m_benchmarks.acquisition.options import Option
from m2m_benchmarks.acquisition.sessions import Listing, Selection, Session, match_sessions
from m2m_benchmarks.acquisition.survey import Estimate, Survey
from m2m_benchmarks.errors import DataError


@dataclass(frozen=True)
class ToySettings:
    """How responses are computed; each field is a command-line option."""

    signal: str = 'rates'


@dataclass(frozen=True, kw_only=True)
class ToySelection(Selection):
    """Criteria by which sessions are selected, and their server."""

    server: str


class Toy(Survey):
    """Sessions of areas with names of the lab."""

    name = 'Toy'
    title = 'toy'
    n_images = 12
    settings_type = ToySettings
    file_type = 'npz'
    options = (
        Option('server', 'Address of the server that has the sessions.', default='http://toy.example'),
        Option('signal', 'What responses are: rates or counts.', default='rates'),
    )
    estimate = Estimate(moved_share=1, session_s=0.1, responses_bytes=1e4)

    def selection(self, areas: Sequence[str] | None, number: int | None, given: Mapping[str, Any]) -> ToySelection:
        """Make the selection from the options."""
        return ToySelection(areas=areas, number=number, server=given['server'])

    def list_sessions(self, selection: ToySelection, folder: Path, progress: Any) -> Listing:
        """List the selected sessions in the server's index."""
        sessions = [
            Session(id=each['id'], areas=(each['area'],), urls=(f'{selection.server}/{each["file"]}',))
            for each in self._index(selection)['sessions']
        ]
        return match_sessions(sessions, selection)

    def extract(self, session: Session, settings: ToySettings, files: Any) -> Any:
        """Extract the responses of a session: spike counts of (repetitions, images, neurons), or rates."""
        import numpy as np
        import pandas as pd

        from m2m_benchmarks.acquisition.pipeline.responses import SessionResponses

        with files.open() as source, np.load(source, allow_pickle=False) as content:
            counts, animal = content['counts'], str(content['animal'])
        if counts.ndim != 3 or counts.shape[1] != self.n_images:
            raise DataError(
                f'its counts are of shape {counts.shape}; expected (repetitions, {self.n_images}, neurons).'
            )
        neuroids = pd.DataFrame({'neuroid_id': [f'{session.id}-{number}' for number in range(counts.shape[2])]})
        return SessionResponses(
            session=str(session.id),
            responses=counts.astype('float32') / (0.25 if settings.signal == 'rates' else 1),
            neuroids=neuroids.assign(region=session.areas[0], animal=animal, session=str(session.id)),
            window_ms=(0, 250),
            counts={},
            images_sha256=[],
        )

    def stimuli(self, selection: ToySelection, tasks: Any, extracted: Any, progress: Any) -> tuple[list[Path], int]:
        """Download the images that the index lists, in the order of the image axis."""
        from m2m_benchmarks.net.download import download

        images = self._index(selection)['images']
        paths = [self.downloads() / 'images' / image for image in images]
        lacking = [path for path in paths if not path.exists()]
        for path in lacking:
            download([f'{selection.server}/{path.name}'], path, retry=selection.retry)
        return paths, sum(path.stat().st_size for path in lacking)

    def _index(self, selection: ToySelection) -> dict[str, Any]:
        from m2m_benchmarks.net.download import download

        path = self.downloads() / 'tables' / 'index.json'
        download([f'{selection.server}/index.json'], path, retry=selection.retry)
        index: dict[str, Any] = json.loads(path.read_text())
        return index
