"""Start of the command `m2m`. Signals and closed streams are handled before anything else is imported."""

import errno
import os
import signal
import sys
from types import FrameType

#: Signals that stop a command. It then cleans up, and exits with 128 and the number of the signal.
_STOPPING = [number for number in signal.Signals if number.name in ('SIGINT', 'SIGTERM', 'SIGHUP')]
#: Errors of streams: a reader that has read enough, a closed stream, a full disk, a limit on the size of files.
_STREAM_ERRORS = (errno.EPIPE, errno.EBADF, errno.ENOSPC, errno.EFBIG)
_DEFAULT = {number: signal.getsignal(number) for number in _STOPPING}


def run() -> None:
    """Run the command line in its own process, and exit."""
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    _open_streams()
    # Signals that the caller ignores, as nohup does, stay ignored.
    handled = [number for number in _STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    code: int | str | None = 0
    try:
        for number in handled:
            signal.signal(number, stop)
        _leave_workers_alone(handled)
        from m2m_benchmarks.cli.main import main

        main()
    except SystemExit as ended:
        code = ended.code
    except OSError as error:
        if error.filename is not None or error.errno not in _STREAM_ERRORS:
            raise
        code = 1
        if _flush(report=True) and not isinstance(error, BrokenPipeError):  # nothing is left where stdout is unbuffered
            _report(error)
    except BaseException:
        # Imports may turn Ctrl-C into an error of their own.
        if not received:
            raise
        code = 1
        _say('Stopped before anything was done.')
    finally:
        # All work is finished or undone: a late signal must not end Python's shutdown with a traceback.
        _set(handled, signal.SIG_IGN)
    if not _flush(report=not code):
        code = code or 1
    sys.exit(128 + received[0] if received and code else code)


def _leave_workers_alone(handled: list[signal.Signals]) -> None:
    """Let processes that are forked be stopped in the usual ways, from their first moment on."""
    if not hasattr(os, 'register_at_fork'):  # Windows
        return

    def restore() -> None:
        _set(handled, None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, handled)

    # Python forgets a signal that a new process gets before it can look, unless the signal is held back.
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, handled),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, handled),
        after_in_child=restore,
    )


def _set(numbers: list[signal.Signals], action: signal.Handlers | None) -> None:
    """Set the action of signals; None restores that of the start."""
    for number in numbers:
        signal.signal(number, _DEFAULT[number] if action is None else action)


def _open_streams() -> None:
    """Put files in the place of closed streams, so that neither Python nor another file takes their numbers.

    What is printed to a closed stdout fails, as it must be noticed; what is printed to a closed stderr is lost.
    """
    for name, mode, flags in (('stdin', 'r', os.O_RDONLY), ('stdout', 'w', os.O_RDONLY), ('stderr', 'w', os.O_WRONLY)):
        if getattr(sys, name) is None:
            stream = open(os.open(os.devnull, flags), mode, encoding='utf-8', errors='replace')  # noqa: PTH123, SIM115
            setattr(sys, name, stream)
            setattr(sys, f'__{name}__', stream)


def _flush(report: bool) -> bool:
    """Write what is left to the streams, and return whether stdout has all of it.

    What can't be written is given up, or Python would try again and print a traceback; `report` says so on stderr.
    """
    whole = True
    for stream in (sys.stderr, sys.stdout):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if stream is sys.stdout:
                whole = False
                if report and not isinstance(error, BrokenPipeError):
                    _report(error)
    return whole


def _report(error: Exception) -> None:
    _say(f'error: cannot write to stdout: {getattr(error, "strerror", None) or error}.')


def _say(text: str) -> None:
    from m2m_benchmarks.messages import say

    say(text)


if __name__ == '__main__':
    run()
