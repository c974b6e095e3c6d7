"""Runs other people's code with an environment, a home and a process group of its own.

This is not a full sandbox: the code runs as the same user, and can read and write what that user can, where it knows
the paths. It doesn't get their tokens or settings, though it can look for them in /proc where the network can't be
dropped. None of it keeps running afterwards, unless it kills the supervisor, or starts processes faster than they are
killed.
"""

import contextlib
import functools
import os
import re
import site
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from m2m_benchmarks.submission import supervisor

#: Environment variables that Python, torch and their libraries need, and that hold no secrets.
_ALLOWED = re.compile(
    r'PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ|(DY)?LD_LIBRARY_PATH|SYSTEMROOT|SSL_CERT_(FILE|DIR)|'
    r'NVIDIA_(VISIBLE_DEVICES|DRIVER_CAPABILITIES|TF32_OVERRIDE)|'  # NVIDIA_API_KEY is a secret
    r'(OMP|MKL|KMP|OPENBLAS|ATEN|ONEDNN|DNNL|CUDA|HIP|ROCR)_\w+'
)
_SUPERVISOR = (sys.executable, '-I', '-S', supervisor.__file__)
#: Part of the output that is kept, in bytes.
_KEPT = 100_000


@functools.cache
def network_can_be_dropped() -> bool:
    """Whether this system lets an ordinary process give up its network (Linux, where user namespaces are allowed)."""
    return subprocess.run([*_SUPERVISOR, 'drop'], check=False, stdin=subprocess.DEVNULL).returncode == 0


def environment(folder: Path, datasets: Sequence[Path] = ()) -> dict[str, str]:
    """Make the environment of a process that runs other people's code.

    Parameters
    ----------
    folder : Path
        Empty folder for the process's home, M2M_HOME and temporary files.
    datasets : sequence of Path
        Folders of datasets that the process may read; it gets links to them.

    Returns
    -------
    dict
        Environment variables. Downloaded weights of torchvision and timm are linked: they are public.
    """
    import huggingface_hub.constants
    import torch

    home = folder / 'home'
    places = {
        'HOME': home,
        'TMPDIR': folder / 'tmp',
        'M2M_HOME': home / 'm2m',
        'TORCH_HOME': home / 'torch',
        'HF_HOME': home / 'huggingface',
        'BRAINSCORE_HOME': home / 'brain-score',
        'RESULTCACHING_HOME': home / 'result_caching',
        'XDG_CACHE_HOME': home / 'cache',
        'XDG_CONFIG_HOME': home / 'config',
        'XDG_DATA_HOME': home / 'data',
        'MPLCONFIGDIR': home / 'matplotlib',
    }
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    _link(datasets, places['M2M_HOME'] / 'data')
    _link(Path(torch.hub.get_dir(), 'checkpoints').glob('*.pt*'), places['TORCH_HOME'] / 'hub' / 'checkpoints')
    _link(Path(huggingface_hub.constants.HF_HUB_CACHE).glob('models--timm--*'), places['HF_HOME'] / 'hub')
    allowed = {name: value for name, value in os.environ.items() if _ALLOWED.fullmatch(name)}
    if site.ENABLE_USER_SITE:  # packages in the user's home
        allowed['PYTHONUSERBASE'] = site.getuserbase()
    offline = {'HF_HUB_OFFLINE': '1'} if network_can_be_dropped() else {}
    return allowed | offline | {name: str(place) for name, place in places.items()}


def _link(targets: Iterable[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for target in targets:
        (folder / target.name).symlink_to(target.absolute())


def run(
    command: Sequence[str], folder: Path, environment: dict[str, str], output: Path, timeout_s: float
) -> tuple[int | None, str]:
    """Run a command in a process group that ends with it, and with this process.

    Parameters
    ----------
    command : sequence of str
    folder : Path
        Working directory.
    environment : dict
        Environment variables, all of them.
    output : Path
        File for what the command prints.
    timeout_s : float
        Time limit, in seconds.

    Returns
    -------
    returncode : int or None
        Exit status; None when the command was stopped at the time limit.
    output : str
        End of what it printed.
    """
    network = 'drop' if network_can_be_dropped() else 'keep'
    with output.open('w+b') as file:
        process = subprocess.Popen(
            [*_SUPERVISOR, network, *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,  # its other end closes when this process ends
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        returncode = None
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                returncode = process.wait(timeout_s)
        finally:
            assert process.stdin is not None
            process.stdin.close()  # the supervisor kills what the command has started
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(2 * supervisor.KILLING_S)
            if hasattr(os, 'killpg'):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, supervisor.KILL)
            process.kill()
            process.wait()
        # By the open file: the command may have put something else under its name.
        file.seek(max(0, file.seek(0, os.SEEK_END) - _KEPT))
        return returncode, file.read(_KEPT).decode(errors='replace')
