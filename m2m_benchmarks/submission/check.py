"""Checks a submission by Brain-Score's rules, and runs its plugin tests in a process without this library."""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.plugins import BRAIN_SCORE, plugins_folder
from m2m_benchmarks.submission.rules import KINDS, Violation, check_folder, check_zip

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


def check_path(path: Path) -> tuple[list[Violation], int]:
    """Check an archive, or a folder that holds plugin folders.

    Parameters
    ----------
    path : Path
        A .zip for the website, or a folder that has `models`, `benchmarks`, `metrics` or `data` in it or in its folder
        `brainscore_vision`.

    Returns
    -------
    violations : list of Violation
        Broken rules and failed tests.
    n_tests : int
        Number of tests that ran.

    Raises
    ------
    M2MError
        When there is no such file or folder, or no plugin folder in it.
    """
    if not path.exists():
        raise M2MError(f'there is no {path}; expected a zip archive or a folder that `m2m export` wrote.')
    if path.is_file():
        violations = check_zip(path)
        if violations:
            return violations, 0
        with tempfile.TemporaryDirectory(prefix='m2m-check-') as temporary:
            try:
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(temporary)
            except OSError as error:  # a file and a folder with the same name, or a name that is too long
                return [Violation('a zip archive that can be unpacked', f'{path.name}: {error.strerror}')], 0
            return check_plugins(_plugins(next(Path(temporary).iterdir())), one_identifier=True)
    inside = path / BRAIN_SCORE
    return check_plugins(_plugins(inside if inside.is_dir() else path), one_identifier=False)


def _plugins(root: Path) -> dict[Path, str]:
    return {
        folder: kind
        for kind in KINDS
        for folder in sorted((root / kind).glob('*'))
        if folder.is_dir() and not folder.name.startswith(('.', '_'))
    }


def check_plugins(
    plugins: dict[Path, str], one_identifier: bool, timeout_s: float = 1800
) -> tuple[list[Violation], int]:
    """Check plugin folders together; see `check_path`.

    Parameters
    ----------
    plugins : dict
        Kind ('models', …) of each folder.
    one_identifier : bool
        Whether the website's rules about identifiers apply.
    timeout_s : float
        Time limit for the tests of one plugin folder, in seconds.
    """
    if not plugins:
        raise M2MError(f'there is no plugin folder to check; expected one or more in {", ".join(KINDS)}.')
    violations = [
        violation for folder, kind in plugins.items() for violation in check_folder(folder, kind, one_identifier)
    ]
    if violations:
        return violations, 0
    n_tests = 0
    with tempfile.TemporaryDirectory(prefix='m2m-check-') as temporary:
        tree = _tree(Path(temporary), plugins)
        for folder, kind in plugins.items():
            failures, n_run = _test(tree, kind, folder.name, timeout_s)
            violations += failures
            n_tests += n_run
    return violations, n_tests


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


def _test(tree: Path, kind: str, name: str, timeout_s: float) -> tuple[list[Violation], int]:
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
        *(f'--junitxml={report}', *tests),
    ]
    environment = {
        **os.environ,
        'PYTHONPATH': str(tree),
        'PYTHONDONTWRITEBYTECODE': '1',
        'PYTHONSAFEPATH': '1',
        'BS_INSTALL_DEPENDENCIES': 'no',
        'RESULTCACHING_DISABLE': '1',
        'RESULTCACHING_HOME': str(tree / 'result_caching'),
        'PYTEST_ADDOPTS': '',
        'PYTEST_PLUGINS': '',
    }
    try:
        process = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return [Violation(f'the tests of {kind}/{name} end', f'they were stopped after {timeout_s:.0f} s')], 0
    if not report.is_file():
        return [Violation(f'the tests of {kind}/{name} run', _last(process.stdout + process.stderr))], 0
    # The report is safe to parse: pytest wrote it just now, in a temporary folder.
    cases = list(ElementTree.parse(report).iter('testcase'))
    violations = [_failure(case, kind, name) for case in cases if _problem(case) is not None]
    cases = [case for case in cases if case.find('skipped') is None]
    if not cases or (process.returncode != 0 and not violations):
        violations.append(Violation(f'the tests of {kind}/{name} run', _last(process.stdout + process.stderr)))
    return violations, len(cases)


def _problem(case: ElementTree.Element) -> ElementTree.Element | None:
    failure = case.find('failure')
    return case.find('error') if failure is None else failure


def _failure(case: ElementTree.Element, kind: str, name: str) -> Violation:
    problem = _problem(case)
    assert problem is not None
    message = (problem.get('message') or '').strip().splitlines()
    if message == ['collection failure']:  # only the traceback has the reason
        message = [line[1:].strip() for line in (problem.text or '').splitlines() if line.startswith('E ')] or message
    generic = 'generic_plugin_tests' in (case.get('classname') or '')
    test = "Brain-Score's generic test" if generic else f'test of {kind}/{name}'
    return Violation(f'{test} {case.get("name")}', message[0][:500] if message else 'failed')


def _last(output: str) -> str:
    lines: Sequence[str] = [line for line in output.strip().splitlines() if line.strip()]
    return ' | '.join(lines[-5:])[:1000] or 'no output'
