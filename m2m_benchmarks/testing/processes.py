"""Commands and functions in separate processes, which are forked from one that has imported the library."""

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

#: Slow imports, done once by the process that others are forked from.
_IMPORTED = [
    'm2m_benchmarks.cli.main',
    'm2m_benchmarks.acquisition.importing',
    'm2m_benchmarks.acquisition.pipeline.fetch',
    'm2m_benchmarks.training.train',
]


class Call:
    """A call of a function in a separate process, like `subprocess.Popen` but faster to start.

    Parameters
    ----------
    function : callable
        Function that another process can import by its name.
    *arguments : object
        Arguments, which are pickled. Environment variables are those of this process.

    Attributes
    ----------
    pid : int
        Number of the process.
    returncode : int or None
        Exit code, or the negative number of the signal that ended the process; None while it runs.
    """

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._paths = [str(Path(self._folder.name) / name) for name in ('stdout', 'stderr')]
        context = multiprocessing.get_context('forkserver')
        context.set_forkserver_preload(_IMPORTED)
        self._process = context.Process(target=_run, args=(function, arguments, dict(os.environ), self._paths))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None  # it has been started
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def communicate(self) -> tuple[str, str]:
        """Wait for the end, and return the contents of stdout and stderr."""
        self._process.join()
        with self._folder:
            # A process that is killed at once may not have opened its files.
            out, err = (Path(path).read_text() if Path(path).exists() else '' for path in self._paths)
        return out, err


class Command(Call):
    """A run of `m2m` in a separate process; see `Call`.

    Parameters
    ----------
    *arguments : str
        Arguments of the command line, such as 'data', 'verify'.
    """

    def __init__(self, *arguments: str) -> None:
        super().__init__(_m2m, *arguments)


def alive(pid: int) -> bool:
    """Whether a process runs, on Linux; one that has ended and that its parent hasn't waited for doesn't."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] not in 'ZX'
    except OSError:
        return False


def _run(
    function: Callable[..., object], arguments: tuple[object, ...], environment: Mapping[str, str], paths: list[str]
) -> None:
    for number, path in enumerate(paths, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # so that TMPDIR counts
    function(*arguments)


def _m2m(*arguments: str) -> None:
    sys.argv = ['m2m', *arguments]
    from m2m_benchmarks.cli.start import run

    run()
