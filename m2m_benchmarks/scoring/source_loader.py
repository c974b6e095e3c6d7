"""Import of users' Python files from their source alone. No slow imports."""

import builtins
import hashlib
import importlib
import importlib.util
import linecache
from collections.abc import Callable
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any


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
    importer : callable, optional
        Function that import statements of the module call in place of `__import__`.
    """

    def __init__(
        self,
        fullname: str,
        path: str,
        executed: dict[str, str] | None = None,
        importer: Callable[..., ModuleType] | None = None,
    ) -> None:
        super().__init__(fullname, path)
        self._executed = executed
        self._importer = importer

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

    def exec_module(self, module: ModuleType) -> None:
        """Execute the source."""
        if self._importer is not None:
            vars(module)['__builtins__'] = {**vars(builtins), '__import__': self._importer}
        super().exec_module(module)


class AliasLoader(Loader):
    """Loader of a module that has another name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._spec: Any = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the module under its own name."""
        module = importlib.import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it is: it was executed under its own name."""
        module.__spec__ = self._spec
