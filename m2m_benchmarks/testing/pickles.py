"""Pickled code, for tests that nothing runs it."""

import os
from collections.abc import Callable
from pathlib import Path


class MakesFolder:
    """An object whose unpickling makes a folder: where the folder is not, nobody ran the code.

    It can be put into any file that holds pickles, such as those of `torch.save` and arrays of objects in .npz files.
    Whoever unpickles it needs no import of this library.

    Parameters
    ----------
    path : path
        The folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)
