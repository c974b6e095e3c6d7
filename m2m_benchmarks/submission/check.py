"""Checks a submission by Brain-Score's rules, and runs its plugin tests in a process without this library."""

import errno
import os
import re
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.digit_names import domain_and_split
from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.plugins import BRAIN_SCORE, plugins_folder, registrations
from m2m_benchmarks.submission import isolation
from m2m_benchmarks.submission.plugin_files import MOST_UNPACKED_BYTES
from m2m_benchmarks.submission.rules import KINDS, Violation, check_folder, check_zip
from m2m_benchmarks.submission.scratch import scratch_folder

#: Module that is imported before any test: a submission must not import this library, even if it is installed.
_BARRIER = """
import sys


class _Barrier:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'm2m_benchmarks':
            raise ModuleNotFoundError("No module named 'm2m_benchmarks'", name='m2m_benchmarks')
        return None


sys.meta_path.insert(0, _Barrier())
"""
#: What the exceptions of a test say that failed for want of a network.
_UNREACHABLE = re.compile(
    'urlopen error|name resolution|Name or service not known|nodename nor servname|Network is unreachable|'
    'Could not connect to the endpoint|Max retries exceeded|LocalEntryNotFoundError|OfflineModeIsEnabled|'
    'Unable to locate credentials'
)
_SCRATCH = 'm2m-check-'
#: Largest report of the tests of a plugin, in bytes. They can write it themselves.
_LARGEST_REPORT = 50_000_000


class _WithoutDoctype(ElementTree.TreeBuilder):
    """Builder of the tree of a report, which defines no entities: they could fill the memory."""

    def doctype(self, name: str, *identifiers: str | None) -> None:
        raise ElementTree.ParseError(f'the report defines a document type, {name}')


class Checked(NamedTuple):
    """Outcome of a check.

    Attributes
    ----------
    violations : list of Violation
        Broken rules and failed tests.
    n_tests : int
        Number of tests that ran.
    not_tested : list of str
        Tests that ended without a result because they need the network.
    """

    violations: list[Violation]
    n_tests: int
    not_tested: list[str]


def check_path(
    path: Path, most_bytes: int = MOST_UNPACKED_BYTES, announce: Callable[[], None] = lambda: None
) -> Checked:
    """Check an archive, or a folder that holds plugin folders.

    Its code is run: see `isolation`.

    Parameters
    ----------
    path : Path
        A .zip for the website, or a folder that has `models`, `benchmarks`, `metrics` or `data` in it or in its folder
        `brainscore_vision`.
    most_bytes : int
        Limit for an archive's files when they are unpacked, in bytes.
    announce : callable
        Function that is called before the code is run, if the rules are kept.

    Raises
    ------
    M2MError
        When there is no such file or folder, or no plugin folder in it.
    """
    if not path.exists():
        raise M2MError(f'there is no {path}; expected a zip archive or a folder that `m2m export` wrote.')
    if path.is_file():
        violations = check_zip(path, most_bytes)
        if violations:
            return Checked(violations, 0, [])
        with scratch_folder(_SCRATCH) as temporary:
            try:
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(temporary)
            except OSError as error:  # a file and a folder with the same name, or a name that is too long
                if error.errno == errno.ENOSPC:
                    raise
                violation = Violation('a zip archive that can be unpacked', f'{path.name}: {error.strerror}')
                return Checked([violation], 0, [])
            return check_plugins(_plugins(next(temporary.iterdir())), one_identifier=True, announce=announce)
    inside = path / BRAIN_SCORE
    return check_plugins(_plugins(inside if inside.is_dir() else path), one_identifier=False, announce=announce)


def _plugins(root: Path) -> dict[Path, str]:
    return {
        folder: kind
        for kind in KINDS
        for folder in sorted((root / kind).glob('*'))
        if folder.is_dir() and not folder.name.startswith(('.', '_'))
    }


def check_plugins(
    plugins: dict[Path, str],
    one_identifier: bool,
    timeout_s: float = 1800,
    announce: Callable[[], None] = lambda: None,
) -> Checked:
    """Check plugin folders together; see `check_path`.

    Parameters
    ----------
    plugins : dict
        Kind ('models', …) of each folder.
    one_identifier : bool
        Whether the website's rules about identifiers apply.
    timeout_s : float
        Time limit for the tests of one plugin folder, in seconds.
    announce : callable
        Function that is called before the code is run, if the rules are kept.
    """
    if not plugins:
        raise M2MError(f'there is no plugin folder to check; expected one or more in {", ".join(KINDS)}.')
    violations = [
        violation for folder, kind in plugins.items() for violation in check_folder(folder, kind, one_identifier)
    ]
    if violations:
        return Checked(violations, 0, [])
    announce()
    n_tests, not_tested = 0, []
    with scratch_folder(_SCRATCH) as temporary:
        tree = _tree(temporary / 'tree', plugins)
        # An archive is other people's, and gets none of this machine's recordings.
        environment = isolation.environment(temporary, [] if one_identifier else _datasets(plugins))
        for folder, kind in plugins.items():
            tested = _test(tree, kind, folder.name, timeout_s, environment)
            violations += tested.violations
            n_tests += tested.n_tests
            not_tested += tested.not_tested
    return Checked(violations, n_tests, not_tested)


def _datasets(plugins: dict[Path, str]) -> list[Path]:
    """List the folders of the datasets on this machine that plugins register."""
    names = {
        name
        for folder in plugins
        for registry, identifier in registrations(folder / '__init__.py')
        if registry in ('data', 'stimulus_set')
        for name in (identifier, domain_and_split(identifier)[0])
    }
    return [manifest.data_folder() / name for name in manifest.names() if name in names]


def _tree(root: Path, plugins: dict[Path, str]) -> Path:
    """Make a brainscore_vision package of links to the installed one, whose only models are those of `plugins`.

    Installed plugins of other kinds are kept: benchmarks and metrics build on one another.
    """
    models = plugins_folder(BRAIN_SCORE, 'models')
    assert models is not None
    installed = models.parent
    package = root / BRAIN_SCORE
    package.mkdir(parents=True)
    for entry in installed.iterdir():
        if entry.name not in (*KINDS, 'model_helpers'):
            (package / entry.name).symlink_to(entry)
    (package / 'model_helpers').mkdir()
    for entry in (installed / 'model_helpers').iterdir():
        (package / 'model_helpers' / entry.name).symlink_to(entry)
    write_test_images(package / 'model_helpers' / 'generic_plugin_tests_resources')
    for kind in KINDS:
        (package / kind).mkdir()
        own = {folder.name: folder for folder, own_kind in plugins.items() if own_kind == kind}
        for entry in (installed / kind).iterdir():
            if entry.name not in own and (kind != 'models' or entry.is_file()):
                (package / kind / entry.name).symlink_to(entry)
        for name, folder in own.items():
            (package / kind / name).symlink_to(folder.absolute())
    (root / 'm2m_barrier.py').write_text(_BARRIER)
    return root


def write_test_images(folder: Path) -> None:
    """Write the three images that the generic tests show a model, which are missing in Brain-Score's package."""
    if folder.exists():
        return
    folder.mkdir()
    noise = np.random.default_rng(0)
    for name in ('rgb1.jpg', 'rgb2.jpg', 'rgb3.png'):
        Image.fromarray(noise.integers(0, 256, (240, 320, 3), dtype=np.uint8)).save(folder / name)


def _test(tree: Path, kind: str, name: str, timeout_s: float, environment: dict[str, str]) -> Checked:
    """Run the tests of a plugin and, for a model, Brain-Score's generic ones."""
    package = tree / BRAIN_SCORE
    plugin = package / kind / name
    tests = [str(path) for path in sorted(plugin.glob('test*.py'))]
    if kind == 'models':
        tests = [str(package / 'model_helpers' / 'generic_plugin_tests.py'), f'--plugin_directory={plugin}', *tests]
    report = tree / f'{kind}-{name}.xml'
    command = [
        *(sys.executable, '-W', 'ignore', '-m', 'pytest', '-q', '--tb=short', '-p', 'no:cacheprovider'),
        *('-p', 'm2m_barrier', '--import-mode=importlib', f'--rootdir={tree}', '-c', os.devnull),
        f'--confcutdir={tree}',  # a conftest.py in the folder of temporary files may be another user's
        *(f'--junitxml={report}', *tests),
    ]
    environment = {
        **environment,
        'PYTHONPATH': str(tree),
        'PYTHONDONTWRITEBYTECODE': '1',
        'PYTHONSAFEPATH': '1',
        'BS_INSTALL_DEPENDENCIES': 'no',
        'RESULTCACHING_DISABLE': '1',
    }
    returncode, output = isolation.run(command, tree, environment, tree / f'{kind}-{name}.txt', timeout_s)
    if returncode is None:
        stopped = Violation(f'the tests of {kind}/{name} end', f'they were stopped after {timeout_s:.0f} s')
        return Checked([stopped], 0, [])
    if os.strerror(errno.ENOSPC) in output:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    no_run = Violation(f'the tests of {kind}/{name} run', _last(output))
    if not report.is_file() or report.stat().st_size > _LARGEST_REPORT:
        return Checked([no_run], 0, [])
    try:
        parser = ElementTree.XMLParser(target=_WithoutDoctype())
        cases = list(ElementTree.parse(report, parser).iter('testcase'))
    except ElementTree.ParseError:  # the tests wrote it anew
        return Checked([no_run], 0, [])
    cases = [case for case in cases if case.find('skipped') is None]
    failed = [case for case in cases if _problem(case) is not None]
    unreachable = [case for case in failed if _needs_network(case)]
    violations = [_failure(case, kind, name) for case in failed if case not in unreachable]
    if not cases or (returncode != 0 and not failed):
        violations.append(no_run)
    return Checked(violations, len(cases) - len(unreachable), [_title(case, kind, name) for case in unreachable])


def _needs_network(case: ElementTree.Element) -> bool:
    """Whether a test failed because a server could not be reached."""
    problem = _problem(case)
    assert problem is not None
    raised = [line for line in (problem.text or '').splitlines() if line.startswith('E ')]
    return _UNREACHABLE.search('\n'.join([problem.get('message') or '', *raised])) is not None


def _problem(case: ElementTree.Element) -> ElementTree.Element | None:
    failure = case.find('failure')
    return case.find('error') if failure is None else failure


def _failure(case: ElementTree.Element, kind: str, name: str) -> Violation:
    problem = _problem(case)
    assert problem is not None
    message = (problem.get('message') or '').strip().splitlines()
    if message == ['collection failure']:  # only the traceback has the reason
        message = [line[1:].strip() for line in (problem.text or '').splitlines() if line.startswith('E ')] or message
    return Violation(_title(case, kind, name), message[0][:500] if message else 'failed')


def _title(case: ElementTree.Element, kind: str, name: str) -> str:
    generic = 'generic_plugin_tests' in (case.get('classname') or '')
    test = "Brain-Score's generic test" if generic else f'test of {kind}/{name}'
    return f'{test} {case.get("name")}'


def _last(output: str) -> str:
    lines: Sequence[str] = [line for line in output.strip().splitlines() if line.strip()]
    return ' | '.join(lines[-5:])[:1000] or 'no output'
