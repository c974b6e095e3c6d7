"""Published numbers that both surveys of the Allen Brain Observatory compare with their datasets."""

from collections.abc import Callable

from m2m_benchmarks.acquisition.allen import N_SCENES
from m2m_benchmarks.acquisition.allen.sessions import AllenSelection
from m2m_benchmarks.acquisition.published import NotComparable, PublishedNumber, StoredDataset
from m2m_benchmarks.acquisition.sessions import Listing
from m2m_benchmarks.errors import DataError


def catalogue(
    files: tuple[str, ...], selection: AllenSelection, number: Callable[[Listing], int]
) -> Callable[[StoredDataset], float]:
    """Make a function that counts sessions of the catalogue that an earlier fetch downloaded.

    Parameters
    ----------
    files : tuple of str
        Tables that have to be here, so that none is downloaded.
    selection : AllenSelection
    number : callable
        Function that reads the number from the listing of the selection.
    """

    def here(stored: StoredDataset) -> float:
        folder = stored.survey.downloads()
        if not all((folder / 'tables' / file).exists() for file in files):
            raise NotComparable("the bucket's catalogue is not on this machine")
        try:
            return number(stored.survey.list_sessions(selection, folder, None))
        except DataError as error:
            raise NotComparable(str(error)) from error

    return here


def scenes_shown(source: str) -> tuple[PublishedNumber, ...]:
    """Make the numbers of presentations that are the same in all sessions."""

    def each(number: Callable[[StoredDataset, str], float]) -> Callable[[StoredDataset], list[float]]:
        return lambda stored: [number(stored, session) for session in stored.sessions()]

    return (
        PublishedNumber('natural scenes', N_SCENES, source, lambda stored: stored.manifest['summary']['stimuli']),
        PublishedNumber('repetitions in each session', 50, source, each(StoredDataset.repetitions)),
        PublishedNumber(
            'blanks in each session', 50, source, each(lambda stored, session: stored.count(session, 'n_blank'))
        ),
        PublishedNumber('presentations in each session', 5950, source, each(StoredDataset.presentations)),
    )
