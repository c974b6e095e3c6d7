"""Runs a command that must not outlive its parent, without a network if asked to.

    python -I -S supervisor.py keep|drop COMMAND...

`isolation.run` starts this script in a session of its own. It kills what the command has started when the command ends,
and all of its process group when its stdin ends, which is when its parent has ended, however that happened. It imports
the standard library only.
"""

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import sys
import threading
import time

#: Exit code where the network can't be taken away.
KEEPS_NETWORK = 75
#: SIGKILL and Linux's SIGSTOP, whose names not every platform has.
KILL, _STOP = 9, 19
# Of linux/sched.h, linux/sockios.h and linux/if.h.
_NEWUSER, _NEWNET, _SET_FLAGS, _UP_AND_RUNNING = 0x10000000, 0x40000000, 0x8914, 0x41
#: Of linux/prctl.h.
_SET_CHILD_SUBREAPER = 36
#: Longest time in which processes are killed, in seconds.
KILLING_S = 10


def drop_network() -> bool:
    """Move this process to a network without any interface but the loopback; return whether the system allows it."""
    if sys.platform != 'linux':
        return False
    ids = (os.getresuid()[1], os.getresgid()[1])
    try:
        import fcntl

        if ctypes.CDLL(None, use_errno=True).unshare(_NEWUSER | _NEWNET) != 0:
            return False
        for name, text in zip(('setgroups', 'uid_map', 'gid_map'), ('deny', *(f'{n} {n} 1' for n in ids)), strict=True):
            with open(f'/proc/self/{name}', 'w') as file:  # noqa: PTH123 - pathlib takes longer to import
                file.write(text)
    except (ImportError, OSError, AttributeError):
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack('16sh14x', b'lo', _UP_AND_RUNNING))
    return True


def main(network: str, *command: str) -> int:
    """Run a command; return its exit status."""
    if network == 'drop' and not drop_network():
        return KEEPS_NETWORK
    if not command:
        return 0
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # processes stay below this one if their parent ends
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    status = process.wait()
    _kill_descendants()
    return status


def _end_with_parent() -> None:
    os.read(0, 1)
    _kill_descendants()
    if hasattr(os, 'killpg'):
        os.killpg(0, KILL)


def _kill_descendants() -> None:
    """Kill all processes below this one, also those in sessions of their own, where /proc lists processes.

    They are stopped first: a shell whose child is killed would go on to its next command.
    """
    end = time.monotonic() + KILLING_S
    stopped: set[int] = set()
    while (pids := _descendants()) and time.monotonic() < end:
        running = pids - stopped
        for pid in running or pids:
            with contextlib.suppress(OSError):
                os.kill(pid, _STOP if running else KILL)
        stopped |= running


def _descendants() -> set[int]:
    """List the processes below this one that have not ended."""
    parents = {}
    names = os.listdir('/proc') if os.path.isdir('/proc') else []  # noqa: PTH112, PTH208 - as above
    for name in filter(str.isdecimal, names):
        with contextlib.suppress(OSError), open(f'/proc/{name}/stat', errors='replace') as file:  # noqa: PTH123
            state, parent = file.read().rpartition(')')[2].split()[:2]
            if state != 'Z':
                parents[int(name)] = int(parent)
    below = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return below - {os.getpid()}


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
