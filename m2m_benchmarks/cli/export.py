"""The command `m2m export`."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2m_benchmarks.cli.console import print_line, progress
from m2m_benchmarks.errors import M2MError

if TYPE_CHECKING:
    from m2m_benchmarks.submission.rules import Violation


def export(
    name: Annotated[
        str,
        typer.Argument(
            help='A model, benchmark, dataset or metric of this library, recordings that you imported or their '
            'benchmark, a training run (run:NAME), or the folder of a model plugin. '
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
        bool, typer.Option('--check', help="Check the result by Brain-Score's rules and plugin tests.")
    ] = False,
) -> None:
    """Export a model, benchmark, dataset or metric to Brain-Score.

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

            violations, n_tests = check_path(Path(name))
        else:
            from m2m_benchmarks.submission.check import check_path, check_plugins
            from m2m_benchmarks.submission.export import Weights, export_tree, export_zip

            exported = Weights(weights, seed, weights_url)
            # torch.hub announces downloads on stdout, which is for paths only.
            with contextlib.redirect_stdout(sys.stderr):
                if to == 'zip':
                    written = [export_zip(name, destination, exported)]
                else:
                    assert destination is not None
                    written = export_tree(name, destination, exported)
            report('export', 1, steps)
            for path in written:
                print_line(str(path))
            if not check:
                return
            if to == 'zip':
                violations, n_tests = check_path(written[0])
            else:
                violations, n_tests = check_plugins({folder: folder.parent.name for folder in written}, False)
        report('export', steps, steps)
    _report(violations, n_tests)


def _report(violations: 'list[Violation]', n_tests: int) -> None:
    if violations:
        lines = ''.join(f'\n  {violation}' for violation in violations)
        raise M2MError(f'{len(violations)} of the rules and tests of Brain-Score failed:{lines}')
    print_line(
        f"All rules are kept, and all {n_tests} tests passed (Brain-Score's generic tests and the plugins' own)."
    )
