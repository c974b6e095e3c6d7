"""m2m doctor."""

import importlib
import importlib.metadata
import platform

import typer

from m2m_benchmarks.cli.console import Json, print_line, print_text, progress, write_json
from m2m_benchmarks.cli.data import content, state
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.cards import cards
from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.plugins import BRAIN_SCORE, registered
from m2m_benchmarks.storage import free_bytes, home, writable

#: Packages without which nothing works.
_NEEDED = ('brainscore_vision', 'torch', 'torchvision')
_OLDER = 'Use Python 3.11.'
#: Extra, and what it is for.
_EXTRAS = {
    'train': 'training of networks: m2m train, and m2m compare where it trains',
    'dask': 'recordings fetched on many machines: m2m data fetch --scheduler',
    'allen': "the Allen Institute's own reader, to compare with; m2m data fetch does without it",
}


def doctor(json: Json = None) -> None:
    """Say what works here, what is missing, and the command that brings it.

    Exit code 1 when something that is needed doesn't work.
    """
    with progress() as report:
        packages = []
        for number, name in enumerate(_NEEDED):
            report(f'loading {name}', number, len(_NEEDED))
            packages.append(_package(name))
        checks = [_python(), *packages, _device(), _home(), *_datasets()]
    checks += [_extra(name, purpose) for name, purpose in _EXTRAS.items()]
    if json is not None:
        write_json(checks, json)
    if json != '-':
        colours = {'ok': 'green', 'missing': 'yellow', 'broken': 'red'}
        for check in checks:
            state = check['state']
            print_text((f'{state:<7}', colours[state]), f'  {check["what"]}: {check["found"]}')
            if check['mend']:
                print_line(f'           {check["mend"]}')
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
    for name in dict.fromkeys([*(each['name'] for each in cards()), *manifest.names()]):
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


def _extra(name: str, purpose: str) -> dict[str, str]:
    """Whether all that an extra asks for is installed, in versions that work together."""
    from packaging.requirements import Requirement

    asked = [Requirement(line) for line in importlib.metadata.requires('m2m-benchmarks') or []]
    asked = [each for each in asked if each.marker and 'extra' in str(each.marker) and f'"{name}"' in str(each.marker)]
    here = [each for each in asked if each.marker and each.marker.evaluate({'extra': name})]
    if not here:
        return _check(f'extra {name}', 'missing', f'{purpose}. Not for Python {platform.python_version()}', _OLDER)
    found: list[str] = []
    wrong: list[str] = []
    for each in here:
        try:
            version = importlib.metadata.version(each.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f'{each.name} is missing')
            continue
        if each.specifier.contains(version, prereleases=True):
            found.append(f'{each.name} {version}')
        else:
            wrong.append(f'{each.name} is {version}, {each.specifier} is needed')
    if wrong:
        command = f"pip install 'm2m-benchmarks[{name}]'"
        return _check(f'extra {name}', 'missing', f'{purpose}. {", ".join(wrong)}', command)
    return _check(f'extra {name}', 'ok', f'{", ".join(found)} ({purpose})')
