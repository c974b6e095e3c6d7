"""The command `m2m`."""

import io
import sys
import warnings
from typing import Annotated

import typer

from m2m_benchmarks import __version__
from m2m_benchmarks.cli import (
    analyze,
    benchmarks,
    cache,
    compare,
    data,
    doctor,
    export,
    leaderboard,
    models,
    report,
    results,
    score,
    sweep,
    train,
)
from m2m_benchmarks.cli.console import print_line
from m2m_benchmarks.cli.groups import PanelCommand, TopGroup
from m2m_benchmarks.cli.start import run
from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.messages import say
from m2m_benchmarks.storage import environment_error

app = typer.Typer(
    name='m2m',
    cls=TopGroup,
    epilog='Without any data:  m2m score torchvision:squeezenet1_1 SimulatedMouse-rdm --weights none\n\n'
    'Exit codes: 0 done; 1 failed, with a message; 2 wrong usage; stopped by Ctrl-C 130, SIGTERM 143, SIGHUP 129.',
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={'help_option_names': ['-h', '--help']},
)
_AVAILABLE, _MEASURE, _MAKE = 'See what is available', 'Measure models', 'Train and submit'
app.command('doctor', rich_help_panel=_AVAILABLE)(doctor.doctor)
app.add_typer(models.app, name='models', rich_help_panel=_AVAILABLE)
app.command('benchmarks', rich_help_panel=_AVAILABLE)(benchmarks.benchmarks)
app.add_typer(data.app, name='data', rich_help_panel=_AVAILABLE)
app.command('score', cls=PanelCommand, rich_help_panel=_MEASURE)(score.score)
app.command('compare', rich_help_panel=_MEASURE)(compare.compare)
app.command('report', rich_help_panel=_MEASURE)(report.report)
app.add_typer(sweep.app, name='sweep', rich_help_panel=_MEASURE)
app.add_typer(analyze.app, name='analyze', rich_help_panel=_MEASURE)
app.command('leaderboard', rich_help_panel=_MEASURE)(leaderboard.leaderboard)
app.add_typer(results.app, name='results', rich_help_panel=_MEASURE)
app.add_typer(cache.app, name='cache', rich_help_panel=_MEASURE)
app.command('train', rich_help_panel=_MAKE)(train.train)
app.command('export', rich_help_panel=_MAKE)(export.export)


def _print_version(requested: bool) -> None:
    if requested:
        print_line(f'm2m-benchmarks {__version__}')
        raise typer.Exit


@app.callback()
def m2m(
    version: Annotated[
        bool, typer.Option('--version', help='Print the version and exit.', callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """How mouse-like is a vision model, and how well does it hold when the domain shifts?"""


def main() -> None:
    """Run the command line. An error that the user can fix ends with a message and exit code 1, without a traceback.

    So do conditions of the machine, such as a full disk or too little memory.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == 'strict':
        sys.stdout.reconfigure(errors='replace')  # a character that the terminal lacks, such as ±, becomes ?
    # Other people's plugins call torchvision in deprecated ways.
    warnings.filterwarnings('ignore', category=UserWarning, module='torchvision')
    try:
        app()
    except Exception as error:
        explained = error if isinstance(error, M2MError) else environment_error(error)
        if explained is None:
            raise
        say(f'error: {explained}')
        sys.exit(1)


if __name__ == '__main__':
    run()
