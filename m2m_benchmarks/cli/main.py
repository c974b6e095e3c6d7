"""The command `m2m`."""

import io
import signal
import sys
import warnings
from typing import Annotated

import typer

from m2m_benchmarks import __version__
from m2m_benchmarks.cli import benchmarks, cache, compare, data, doctor, export, models, results, score, train
from m2m_benchmarks.cli.groups import PanelCommand, TopGroup
from m2m_benchmarks.errors import M2MError

app = typer.Typer(
    name='m2m',
    cls=TopGroup,
    epilog='Without any data:  m2m score torchvision:squeezenet1_1 SimulatedMouse-rdm --weights none',
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
app.add_typer(results.app, name='results', rich_help_panel=_MEASURE)
app.add_typer(cache.app, name='cache', rich_help_panel=_MEASURE)
app.command('train', rich_help_panel=_MAKE)(train.train)
app.command('export', rich_help_panel=_MAKE)(export.export)


def _print_version(requested: bool) -> None:
    if requested:
        print(f'm2m-benchmarks {__version__}')
        raise typer.Exit


@app.callback()
def m2m(
    version: Annotated[
        bool, typer.Option('--version', help='Print the version and exit.', callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """How mouse-like is a vision model, and how well does it hold when the domain shifts?"""


def main() -> None:
    """Run the command line. An error that the user can fix ends with a message and exit code 1, without a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == 'strict':
        sys.stdout.reconfigure(errors='replace')  # a character that the terminal lacks, such as ±, becomes ?
    # Brain-Score's own classes warn at every import; users can't change that.
    warnings.filterwarnings('ignore', message='xarray subclass Score should explicitly define __slots__')
    # Other people's plugins call torchvision in deprecated ways.
    warnings.filterwarnings('ignore', category=UserWarning, module='torchvision')
    try:
        app()
    except M2MError as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print('Aborted.', file=sys.stderr)
        sys.exit(1)


def run() -> None:
    """Run `main` in its own process."""
    try:
        main()
    finally:
        # All work is finished or undone: a late Ctrl-C must not end Python's shutdown with a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == '__main__':
    run()
