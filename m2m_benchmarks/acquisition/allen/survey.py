"""The base class of the two surveys of the Allen Brain Observatory.

This module imports nothing heavy: the command line reads it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from m2m_benchmarks.acquisition.allen import N_SCENES
from m2m_benchmarks.acquisition.allen.sessions import MIRROR, WAREHOUSE, AllenSelection
from m2m_benchmarks.acquisition.options import Option, comma_separated
from m2m_benchmarks.acquisition.sessions import Listing
from m2m_benchmarks.acquisition.survey import Survey
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.storage import home

CRE = Option('cre', 'Cre lines of the animals, separated by commas, as in Cux2-CreERT2,Vip-IRES-Cre. Default: all.')
SERVERS = (
    Option('mirror', "URL of a copy of the Allen Institute's bucket to use instead."),
    Option('warehouse', "URL of a copy of the Allen Institute's API to use instead."),
)


class AllenSurvey(Survey):
    """A survey of the Allen Brain Observatory with natural scenes.

    Attributes
    ----------
    required : tuple of str
        Paths in a session's file that the extraction needs.
    """

    n_images = N_SCENES
    group_title = 'Cre line'
    required: ClassVar[tuple[str, ...]]

    def selection(self, areas: Sequence[str] | None, number: int | None, given: Mapping[str, Any]) -> AllenSelection:
        """Select sessions by the command-line options that both Allen surveys have."""
        return AllenSelection(
            areas=areas,
            number=number,
            cre_lines=comma_separated(CRE.flag, given['cre']),
            mirror=(given['mirror'] or MIRROR).rstrip('/'),
            warehouse=(given['warehouse'] or WAREHOUSE).rstrip('/'),
        )

    def downloads(self) -> Path:
        """Folder of the files that a fetch keeps; the scenes are beside it, for both surveys."""
        return home() / 'downloads' / 'allen' / self.name

    def provenance(self, listing: Listing, settings: Any) -> dict[str, Any]:
        """Describe for the manifest how the dataset was made, with the keys of earlier manifests."""
        source = super().provenance(listing, settings)
        source['n_failed_containers'] = source.pop('n_failed')
        return source

    def check_readable(self, path: Path) -> None:
        """Raise a DataError unless a file is HDF5."""
        from m2m_benchmarks.acquisition.allen.nwb import open_nwb

        with open_nwb(path):
            pass

    def check_content(self, path: Path, url: str) -> None:
        """Raise a DataError unless a file has all `required` paths."""
        from m2m_benchmarks.acquisition.allen.nwb import NwbFile, open_nwb

        with open_nwb(path) as file:
            nwb = NwbFile(file)
            missing = [required for required in self.required if not nwb.has(required)]
        if missing:
            raise DataError(
                f'{url} has no {missing[0]}: it is of another survey, a session without natural scenes, or damaged.'
            )

    @property
    def scenes_folder(self) -> Path:
        """Folder of the natural scenes."""
        return self.downloads().parent / 'scenes'
