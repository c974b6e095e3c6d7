"""Commands in separate processes that start with the library imported."""

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

#: Slow imports, done once by the process that others are forked from.
_IMPORTED = ['m2m_benchmarks.cli.main', 'm2m_benchmarks.acquisition.importing', 'm2m_benchmarks.training.train']


def context() -> multiprocessing.context.ForkServerContext:
    """Make a `multiprocessing` context whose processes start with the library imported."""
    forkserver = multiprocessing.get_context('forkserver')
    forkserver.set_forkserver_preload(_IMPORTED)
    return forkserver


class Command:
    """A run of `m2m` in a separate process, like `subprocess.Popen` but faster to start.

    Parameters
    ----------
    *arguments : str
        Arguments of the command line, such as 'data', 'verify'. Environment variables are those of this process.

    Attributes
    ----------
    returncode : int or None
        Exit code, or the negative number of the signal that ended the process; None while it runs.
    """

    def __init__(self, *arguments: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._paths = [str(Path(self._folder.name) / name) for name in ('stdout', 'stderr')]
        self._process = context().Process(target=_run, args=(arguments, dict(os.environ), self._paths))
        self._process.start()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, unless it has ended."""
        if self._process.pid is not None and self.returncode is None:
            os.kill(self._process.pid, number)

    def communicate(self) -> tuple[str, str]:
        """Wait for the end, and return the contents of stdout and stderr."""
        self._process.join()
        with self._folder:
            # A process that is killed at once may not have opened its files.
            out, err = (Path(path).read_text() if Path(path).exists() else '' for path in self._paths)
        return out, err


def _run(arguments: tuple[str, ...], environment: Mapping[str, str], paths: list[str]) -> None:
    for number, path in enumerate(paths, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # so that TMPDIR counts
    sys.argv = ['m2m', *arguments]
    from m2m_benchmarks.cli.start import run

    run()
