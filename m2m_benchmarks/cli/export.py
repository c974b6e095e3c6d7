"""The command `m2m export`."""

import contextlib
import functools
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2m_benchmarks.cli.console import print_line, progress
from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.messages import say

if TYPE_CHECKING:
    from m2m_benchmarks.submission.check import Checked


def export(
    name: Annotated[
        str,
        typer.Argument(
            help='A model, benchmark, dataset or metric of this library, recordings that you imported or their '
            'benchmark, a training run (run:NAME), or ./FOLDER of a model plugin. '
            'With --check and without --to: an existing archive or folder.'
        ),
    ],
    destination: Annotated[
        Path | None, typer.Argument(help='Archive (default: NAME.zip in this folder) or folder of a tree to write.')
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            '--to', metavar='zip|brainscore-tree', help="Format: for Brain-Score's website, or for a pull request."
        ),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="Weights of neurn_… and plain_…: 'default', 'none', or a .pth or .safetensors file.")
    ] = 'default',
    seed: Annotated[int, typer.Option(help='Random seed of untrained weights.')] = 0,
    weights_url: Annotated[
        str | None,
        typer.Option(metavar='URL', help='Download address of a --weights file of more than 50 MB.'),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            '--check',
            help="Check the result by Brain-Score's rules and plugin tests. This runs its code.",
        ),
    ] = False,
    max_mb: Annotated[
        int,
        typer.Option(metavar='MB', min=1, help='Limit for the files of a plugin, before they are packed or unpacked.'),
    ] = 500,
) -> None:
    """Export a model, benchmark, dataset or metric to Brain-Score.

    Files of a plugin folder that begin with a dot are not exported.

    A check runs code. It gets neither your environment variables nor your home, and no network where the system allows
    to take it away. But it runs as you and can read your files: check only what you would run.

    \b
    Examples
    --------
      m2m export neurn_resnet18 --to zip --check
      m2m export Siegle2021.VISp-rdm --to brainscore-tree ~/vision --check
      m2m export my_submission.zip --check
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    if to not in ('zip', 'brainscore-tree', None):
        raise typer.BadParameter(f'expected zip or brainscore-tree, got {to!r}', param_hint='--to')
    if to is None and not check:
        raise typer.BadParameter('give --to zip, --to brainscore-tree or --check', param_hint='--to')
    if to == 'brainscore-tree' and destination is None:
        raise typer.BadParameter('brainscore-tree needs a folder to write to', param_hint='DESTINATION')
    with progress() as report:
        steps = (to is not None) + check
        report('export', 0, steps)
        if to is None:
            from m2m_benchmarks.submission.check import check_path

            checked = check_path(Path(name), max_mb * 1_000_000, functools.partial(_announce, name))
        else:
            from m2m_benchmarks.submission.check import check_path, check_plugins
            from m2m_benchmarks.submission.export import Weights, export_tree, export_zip

            exported = Weights(weights, seed, weights_url)
            # torch.hub announces downloads on stdout, which is for paths only.
            with contextlib.redirect_stdout(sys.stderr):
                if to == 'zip':
                    written = [export_zip(name, destination, exported, max_mb * 1_000_000)]
                else:
                    assert destination is not None
                    written = export_tree(name, destination, exported, max_mb * 1_000_000)
            report('export', 1, steps)
            for path in written:
                _list_files(path)
                print_line(str(path))
            if not check:
                return
            announce = functools.partial(_announce, name)
            if to == 'zip':
                checked = check_path(written[0], max_mb * 1_000_000, announce)
            else:
                checked = check_plugins({folder: folder.parent.name for folder in written}, False, announce=announce)
        report('export', steps, steps)
    _report(checked)


def _list_files(path: Path) -> None:
    """Print the files of an archive or a plugin folder with their sizes, on stderr."""
    if path.is_dir():
        sizes = {str(file.relative_to(path)): file.stat().st_size for file in path.rglob('*') if file.is_file()}
    else:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist() if not entry.is_dir()}
    say(f'{path} holds {len(sizes)} files, {sum(sizes.values()):,} bytes:')
    for name, size in sorted(sizes.items()):
        say(f'{size:>13,}  {name}')


def _announce(name: str) -> None:
    from m2m_benchmarks.submission.isolation import network_can_be_dropped

    network = 'no network' if network_can_be_dropped() else 'your network, which this system does not let it give up'
    say(f'The check runs the code of {name}, with an environment and a home of its own, and {network}.')


def _report(checked: 'Checked') -> None:
    not_tested = ''.join(f'\nnot tested: needs the network: {test}' for test in checked.not_tested)
    if checked.violations:
        lines = ''.join(f'\n  {violation}' for violation in checked.violations)
        raise M2MError(f'{len(checked.violations)} of the rules and tests of Brain-Score failed:{lines}{not_tested}')
    tests = f"Brain-Score's generic tests and the plugins' own{not_tested and ', but for those below'}"
    print_line(f'All rules are kept, and all {checked.n_tests} tests passed ({tests}).{not_tested}')
