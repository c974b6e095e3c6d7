"""Import of users' Python files from their source alone. No slow imports."""

import hashlib
import importlib.util
import linecache
from importlib.machinery import SourceFileLoader
from types import CodeType


class SourceLoader(SourceFileLoader):
    """Loader that reads and writes no bytecode.

    Bytecode of an earlier version passes for that of the present one if both have the same time stamp and size: in an
    archive all files may have one time, and two versions may be written within a second.

    Parameters
    ----------
    fullname, path : str
        Name of the module, and its file.
    executed : dict, optional
        Dictionary that gets the SHA-256 of each file that is executed, by its path.
    """

    def __init__(self, fullname: str, path: str, executed: dict[str, str] | None = None) -> None:
        super().__init__(fullname, path)
        self._executed = executed

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source."""
        path = self.get_filename(fullname)
        source = self.get_data(path)
        code: CodeType = self.source_to_code(source, path)
        if self._executed is not None:
            self._executed[path] = hashlib.sha256(source).hexdigest()
        # `torch.jit.script` compiles the text of a function a second time: that of the file may be another by then.
        # An entry without a time is not compared with the file.
        lines = importlib.util.decode_source(source).splitlines(keepends=True)
        linecache.cache[path] = (len(source), None, lines, path)
        return code
