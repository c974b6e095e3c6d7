"""m2m doctor."""

import importlib
import importlib.metadata
import platform
from typing import Annotated

import typer

from m2m_benchmarks.cli.console import stdout, write_json
from m2m_benchmarks.cli.data import content, state
from m2m_benchmarks.data import ledger
from m2m_benchmarks.data.cards import cards
from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.plugins import BRAIN_SCORE, registered
from m2m_benchmarks.storage import free_bytes, home, writable

#: Package, what it is for, how to get it. The first are needed, the others optional.
_NEEDED = ('brainscore_vision', 'torch', 'torchvision')
_OPTIONAL = (
    (
        'allensdk',
        "the Allen Institute's reader, to compare with",
        "pip install 'm2m-benchmarks[allen]' (Python 3.11)",
    ),
    ('lightning', 'training of networks (m2m train, m2m compare)', "pip install 'm2m-benchmarks[train]'"),
)


def doctor(json: Annotated[bool, typer.Option('--json', help='Print JSON.')] = False) -> None:
    """Say what works here, what is missing, and the command that brings it.

    Exit code 1 when something that is needed doesn't work.
    """
    checks = [_python(), *(_package(name) for name in _NEEDED), _device(), _home(), *_datasets(), *_optional()]
    if json:
        write_json(checks, '-')
    else:
        console = stdout()
        marks = {'ok': '[green]ok[/green]     ', 'missing': '[yellow]missing[/yellow]', 'broken': '[red]broken[/red] '}
        for check in checks:
            console.print(f'{marks[check["state"]]}  {check["what"]}: ', end='')
            console.print(check['found'], markup=False, soft_wrap=True)
            if check['mend']:
                console.print(f'           {check["mend"]}', markup=False, soft_wrap=True)
    if any(check['state'] == 'broken' for check in checks):
        raise typer.Exit(1)


def _check(what: str, state: str, found: str, mend: str = '') -> dict[str, str]:
    return {'what': what, 'state': state, 'found': found, 'mend': mend}


def _python() -> dict[str, str]:
    return _check('python', 'ok', platform.python_version())


def _package(name: str) -> dict[str, str]:
    try:
        importlib.import_module(name)
        return _check(name, 'ok', importlib.metadata.version(name))
    except Exception as error:  # a broken install fails in ways of its own; that is what is being looked for
        mend = 'Install matching torch and torchvision of one source: pip install --upgrade torch torchvision'
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return _check(name, 'broken', reason, mend)


def _device() -> dict[str, str]:
    try:
        import torch

        name = torch.cuda.get_device_name() if torch.cuda.is_available() else f'CPU, {torch.get_num_threads()} threads'
    except Exception as error:  # reported under torch already
        return _check('models run on', 'broken', type(error).__name__)
    return _check('models run on', 'ok', name)


def _home() -> dict[str, str]:
    try:
        folder = writable(home())
    except StorageError as error:
        return _check('M2M_HOME', 'broken', str(error))
    return _check('M2M_HOME', 'ok', f'{folder}, {free_bytes(folder) / 1e9:,.0f} GB free')


def _datasets() -> list[dict[str, str]]:
    found = []
    for name in dict.fromkeys([*(each['name'] for each in cards()), *ledger.names()]):
        entry = state(name)
        simulated = 'simulated; ' if name == 'SimulatedMouse' else ''
        if entry['here']:
            found.append(_check(f'data {name}', 'ok', f'{simulated}{content(entry)}'))
        elif entry['bring']:
            found.append(_check(f'data {name}', 'missing', 'not on this machine', entry['bring']))
        else:
            found.append(_check(f'data {name}', 'ok', f'{simulated}made when first used'))
    n_models = f'{len(registered("model"))} of this library, {len(registered("model", BRAIN_SCORE))} of Brain-Score'
    return [*found, _check('models', 'ok', n_models)]


def _optional() -> list[dict[str, str]]:
    found = []
    for name, purpose, command in _OPTIONAL:
        try:
            version = importlib.metadata.version(name)
            found.append(_check(f'extra {name}', 'ok', f'{version} ({purpose})'))
        except importlib.metadata.PackageNotFoundError:
            found.append(_check(f'extra {name}', 'missing', purpose, command))
    return found
