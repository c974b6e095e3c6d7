"""The command `m2m doctor`."""

import importlib
import importlib.metadata
import platform
from typing import Annotated

import typer

from m2m_benchmarks.benchmarks.names import is_simulated
from m2m_benchmarks.cli.console import Json, print_command, print_text, progress, write_json
from m2m_benchmarks.cli.datasets import dataset_state, describe_content
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.cards import cards
from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.plugins import BRAIN_SCORE, registered
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.storage import ensure_writable, free_bytes, home

#: Packages that every command needs.
_REQUIRED = ('brainscore_vision', 'torch', 'torchvision')
_USE_3_11 = 'Use Python 3.11.'
#: Optional dependencies, and their purpose.
_EXTRAS = {
    'report': 'draws figures and reports: m2m report, and --figure of other commands',
    'train': 'trains networks: m2m train, and m2m compare on benchmarks of trained models',
    'dask': 'fetches recordings on several machines: m2m data fetch --scheduler',
    'nwb': 'reads NWB files: m2m data import --nwb',
    'analysis': 'maps of neurons and alignment of architectures: m2m analyze neurons, m2m analyze architectures',
    'allen': "the Allen Institute's own reader, for comparison; m2m data fetch does not need it",
}


def doctor(
    verify: Annotated[
        bool, typer.Option('--verify', help='Also compare all stored files with their SHA-256, which takes minutes.')
    ] = False,
    clean: Annotated[
        bool, typer.Option('--clean', help='Remove temporary files of killed processes that are older than a day.')
    ] = False,
    json: Json = None,
) -> None:
    """Check what works here, and say how to get what is missing.

    The exit code is 1 when a required part doesn't work, or a stored file is damaged.
    """
    with progress() as report:
        packages = []
        for number, name in enumerate(_REQUIRED):
            report(f'loading {name}', number, len(_REQUIRED))
            packages.append(_package(name))
        checks = [_python(), *packages, _device(), _home(), *_datasets(), *_stores(verify, clean, report)]
    checks += [_extra(name, purpose) for name, purpose in _EXTRAS.items()]
    if json is not None:
        write_json(checks, json)
    if json != '-':
        colours = {'ok': 'green', 'missing': 'yellow', 'broken': 'red'}
        for check in checks:
            state = check['state']
            print_text((f'{state:<7}', colours[state]), f'  {check["what"]}: {check["found"]}')
            first, *others = check['mend'].split('\n')
            if first:
                print_command(f'           {first}')
            for command in others:
                print_command(f'       or: {command}')
    if any(check['state'] == 'broken' for check in checks):
        raise typer.Exit(1)


def _check(what: str, state: str, details: str, fix: str = '') -> dict[str, str]:
    return {'what': what, 'state': state, 'found': details, 'mend': fix}


def _python() -> dict[str, str]:
    return _check('python', 'ok', platform.python_version())


def _package(name: str) -> dict[str, str]:
    try:
        importlib.import_module(name)
        return _check(name, 'ok', importlib.metadata.version(name))
    except Exception as error:  # a broken installation can fail in any way
        mend = 'Install matching versions of torch and torchvision: pip install --upgrade torch torchvision'
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
        folder = ensure_writable(home())
    except StorageError as error:
        return _check('M2M_HOME', 'broken', str(error))
    return _check('M2M_HOME', 'ok', f'{folder}, {free_bytes(folder) / 1e9:,.0f} GB free')


def _datasets() -> list[dict[str, str]]:
    checks = []
    for name in dict.fromkeys([*(card['name'] for card in cards()), *manifest.names()]):
        try:
            entry = dataset_state(name)
        except DataError as error:
            checks.append(_check(f'data {name}', 'broken', str(error), manifest.repair_advice(name)))
            continue
        simulated = 'simulated; ' if is_simulated(name) else ''
        if entry['here']:
            checks.append(_check(f'data {name}', 'ok', f'{simulated}{describe_content(entry)}'))
        elif entry['bring']:
            commands = '\n'.join(manifest.import_commands(name))
            checks.append(_check(f'data {name}', 'missing', 'not on this machine', commands))
        else:
            checks.append(_check(f'data {name}', 'ok', f'{simulated}made when first used'))
    n_models = f'{len(registered("model"))} of this library, {len(registered("model", BRAIN_SCORE))} of Brain-Score'
    return [*checks, _check('models', 'ok', n_models)]


def _stores(verify: bool, clean: bool, report: Progress) -> list[dict[str, str]]:
    from m2m_benchmarks.stores import remove, stores

    checks = []
    for store in stores():
        what, leftovers = f'stored {store.name}', store.leftovers()
        if clean:
            remove(leftovers)
            leftovers = []
        size, fix = f'{store.bytes / 1e6:,.1f} MB', ''
        if leftovers:
            size += f', {len(leftovers)} of it temporary files of killed processes, such as {leftovers[0]}'
            fix = 'm2m doctor --clean removes them'
        problems: list[str] = []
        try:
            store.check()
            if verify:
                report(f'checking {store.name}', 0, 1)
                problems = list(store.verify())
                size += '' if problems else ', all intact'
        except StorageError as error:
            problems = [str(error)]
        checks.append(_check(what, 'ok', size, fix))
        checks += [_check(what, 'broken', problem) for problem in problems]
    return checks


def _extra(name: str, purpose: str) -> dict[str, str]:
    """Check that the packages of an extra are installed, in versions that work together."""
    from packaging.requirements import Requirement

    requirements = [Requirement(line) for line in importlib.metadata.requires('m2m-benchmarks') or []]
    of_extra = [each for each in requirements if 'extra' in str(each.marker) and f'"{name}"' in str(each.marker)]
    applicable = [each for each in of_extra if each.marker and each.marker.evaluate({'extra': name})]
    if not applicable:
        return _check(f'extra {name}', 'missing', f'{purpose}. Not for Python {platform.python_version()}', _USE_3_11)
    installed: list[str] = []
    problems: list[str] = []
    for requirement in applicable:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            problems.append(f'{requirement.name} is missing')
            continue
        if requirement.specifier.contains(version, prereleases=True):
            installed.append(f'{requirement.name} {version}')
        else:
            problems.append(f'{requirement.name} is {version}, {requirement.specifier} is needed')
    if problems:
        command = f"pip install 'm2m-benchmarks[{name}]'"
        return _check(f'extra {name}', 'missing', f'{purpose}. {", ".join(problems)}', command)
    return _check(f'extra {name}', 'ok', f'{", ".join(installed)} ({purpose})')
