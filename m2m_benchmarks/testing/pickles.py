"""Pickled code, for tests that it is not run."""

import os
from collections.abc import Callable
from pathlib import Path


class MakesFolder:
    """An object that creates a folder when it is unpickled: if there is no folder, its code was not run.

    It can be in any file with pickles, such as those of `torch.save` and arrays of objects in .npz files. Unpickling it
    does not import this library.

    Parameters
    ----------
    path : path
        Path of the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)
