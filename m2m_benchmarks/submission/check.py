"""Run Brain-Score's own plugin tests on a submission, in a process that knows nothing of this library."""

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
from m2m_benchmarks.submission.rules import KINDS, Broken, check_folder, check_zip

#: Imported before any test: what is submitted must not find this library, even where it is installed.
_BARRIER = """
import sys


class _Barrier:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'm2m_benchmarks':
            raise ModuleNotFoundError("No module named 'm2m_benchmarks'", name='m2m_benchmarks')
        return None


sys.meta_path.insert(0, _Barrier())
"""


def check_path(path: Path) -> tuple[list[Broken], int]:
    """Check an archive, or a folder that holds plugin folders.

    Parameters
    ----------
    path : Path
        A .zip for the website, or a folder with `models`, `benchmarks`, `metrics` or `data` in it or in its folder
        `brainscore_vision`.

    Returns
    -------
    broken : list of Broken
        Empty when all rules are kept and all tests passed.
    n_tests : int
        How many tests ran.

    Raises
    ------
    M2MError
        When there is nothing to check.
    """
    if not path.exists():
        raise M2MError(f'there is no {path}; expected a zip archive or a folder that `m2m export` wrote.')
    if path.is_file():
        broken = check_zip(path)
        if broken:
            return broken, 0
        with tempfile.TemporaryDirectory(prefix='m2m-check-') as temporary:
            try:
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(temporary)
            except OSError as error:  # a file and a folder of one name, a name that is too long
                return [Broken('a zip archive that can be unpacked', f'{path.name}: {error.strerror}')], 0
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


def check_plugins(plugins: dict[Path, str], one_identifier: bool, timeout_s: float = 1800) -> tuple[list[Broken], int]:
    """Check plugin folders, each of a kind ('models', …), together; see `check_path`.

    Parameters
    ----------
    plugins : dict
        Folder to kind.
    one_identifier : bool
        Whether the website's rules about identifiers hold.
    timeout_s : float
        Longest time that the tests of one plugin folder may take.
    """
    if not plugins:
        raise M2MError(f'there is no plugin folder to check; expected some in {", ".join(KINDS)}.')
    broken = [each for folder, kind in plugins.items() for each in check_folder(folder, kind, one_identifier)]
    if broken:
        return broken, 0
    n_tests = 0
    with tempfile.TemporaryDirectory(prefix='m2m-check-') as temporary:
        tree = _tree(Path(temporary), plugins)
        for folder, kind in plugins.items():
            failed, ran = _test(tree, kind, folder.name, timeout_s)
            broken += failed
            n_tests += ran
    return broken, n_tests


def _tree(place: Path, plugins: dict[Path, str]) -> Path:
    """A brainscore_vision package made of links to the installed one, whose only models are those of `plugins`.

    Plugins of the other kinds stay as they are installed: benchmarks and metrics build on one another.
    """
    models = plugins_folder(BRAIN_SCORE, 'models')
    assert models is not None
    installed = models.parent
    package = place / BRAIN_SCORE
    package.mkdir(parents=True)
    for entry in installed.iterdir():
        if entry.name not in (*KINDS, 'model_helpers'):
            (package / entry.name).symlink_to(entry)
    (package / 'model_helpers').mkdir()
    for entry in (installed / 'model_helpers').iterdir():
        (package / 'model_helpers' / entry.name).symlink_to(entry)
    pictures(package / 'model_helpers' / 'generic_plugin_tests_resources')
    for kind in KINDS:
        (package / kind).mkdir()
        own = {folder.name: folder for folder, its_kind in plugins.items() if its_kind == kind}
        for entry in (installed / kind).iterdir():
            if entry.name not in own and (kind != 'models' or entry.is_file()):
                (package / kind / entry.name).symlink_to(entry)
        for name, folder in own.items():
            (package / kind / name).symlink_to(folder.absolute())
    (place / 'm2m_barrier.py').write_text(_BARRIER)
    return place


def pictures(folder: Path) -> None:
    """What the generic tests show a model: three pictures, which Brain-Score's package leaves out."""
    if folder.exists():
        return
    folder.mkdir()
    noise = np.random.default_rng(0)
    for name in ('rgb1.jpg', 'rgb2.jpg', 'rgb3.png'):
        Image.fromarray(noise.integers(0, 256, (240, 320, 3), dtype=np.uint8)).save(folder / name)


def _test(tree: Path, kind: str, name: str, timeout_s: float) -> tuple[list[Broken], int]:
    """Run a plugin's own tests and, for a model, Brain-Score's generic ones."""
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
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return [Broken(f'the tests of {kind}/{name} end', f'they did not within {timeout_s:.0f} s')], 0
    if not report.is_file():
        return [Broken(f'the tests of {kind}/{name} run', _last(done.stdout + done.stderr))], 0
    # Written by pytest a moment ago, in a folder of our own.
    cases = list(ElementTree.parse(report).iter('testcase'))
    broken = [_failure(case, kind, name) for case in cases if _problem(case) is not None]
    cases = [case for case in cases if case.find('skipped') is None]
    if not cases or (done.returncode != 0 and not broken):
        broken.append(Broken(f'the tests of {kind}/{name} run', _last(done.stdout + done.stderr)))
    return broken, len(cases)


def _problem(case: ElementTree.Element) -> ElementTree.Element | None:
    failure = case.find('failure')
    return case.find('error') if failure is None else failure


def _failure(case: ElementTree.Element, kind: str, name: str) -> Broken:
    problem = _problem(case)
    assert problem is not None
    message = (problem.get('message') or '').strip().splitlines()
    if message == ['collection failure']:  # what it was is in the traceback alone
        message = [line[1:].strip() for line in (problem.text or '').splitlines() if line.startswith('E ')] or message
    generic = 'generic_plugin_tests' in (case.get('classname') or '')
    whose = "Brain-Score's generic test" if generic else f'test of {kind}/{name}'
    return Broken(f'{whose} {case.get("name")}', message[0][:500] if message else 'failed')


def _last(output: str) -> str:
    lines: Sequence[str] = [line for line in output.strip().splitlines() if line.strip()]
    return ' | '.join(lines[-5:])[:1000] or 'no output'
