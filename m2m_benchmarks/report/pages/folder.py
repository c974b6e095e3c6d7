"""The folder that a page is written into."""

from pathlib import Path

from m2m_benchmarks.storage import ensure_file_writable

#: What to do where the page can't be written.
OTHER_FOLDER = 'Name another folder after --html.'


def check_folder(folder: Path) -> None:
    """Check, before a long run, that a page can be written into a folder, which is made if there is none.

    Raises
    ------
    StorageError
        When it can't, or is a file.
    """
    ensure_file_writable(folder / 'index.html', OTHER_FOLDER)
