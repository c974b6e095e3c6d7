"""Command groups with sections, default commands and searches."""

import contextlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from m2m_benchmarks.cli.console import INTERRUPTED
from m2m_benchmarks.messages import printable, say

#: Base class of all errors of wrong usage; typer exports a subclass only.
_USAGE_ERROR: Any = typer.BadParameter.__base__
#: Options that other programs have for a file of results.
_OUTPUT = ('--out', '--output', '-o')


class TopGroup(TyperGroup):
    """Group of all commands. Its help lists them under the panels that they are registered with.

    --json without a value, its earlier form, gives a message with the present form.
    """

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Parse the command line."""
        with _reporting_ends():
            return super().make_context(*arguments, **options)

    def invoke(self, context: Any) -> Any:
        """Run the command."""
        with _reporting_ends():
            return super().invoke(context)

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        """Parse the arguments."""
        for option, value in pairwise([*arguments, '--']):
            if option == '--json' and value != '-' and value.startswith('-'):
                raise typer.BadParameter(
                    'expected the name of a file, or - to print the JSON: --json FILE, --json -',
                    ctx=context,
                    param_hint='--json',
                )
        return super().parse_args(context, arguments)

    def format_commands(self, context: Any, formatter: Any) -> None:
        """Write the commands section by section, in the order of their registration."""
        sections: dict[str, list[str]] = {}
        for name in self.list_commands(context):
            sections.setdefault(getattr(self.commands[name], 'rich_help_panel', None) or 'Others', []).append(name)
        widest = max(map(len, self.commands))
        for title, names in sections.items():
            with formatter.section(title):
                shorts = [self.commands[name].get_short_help_str(formatter.width - 6 - widest) for name in names]
                formatter.write_dl([(name.ljust(widest), short) for name, short in zip(names, shorts, strict=True)])


@contextlib.contextmanager
def _reporting_ends() -> Iterator[None]:
    """Report Ctrl-C, where `console.progress` has not; make messages of wrong usage, which quote it, printable."""
    try:
        yield
    except _USAGE_ERROR as error:
        error.message = printable(error.message, '\n')
        if getattr(error, 'option_name', None) in _OUTPUT and any('--json' in each.opts for each in _parameters(error)):
            error.possibilities = ['--json']
        raise
    except KeyboardInterrupt:
        say('Stopped.')
        raise typer.Exit(INTERRUPTED) from None


def _parameters(error: Any) -> list[Any]:
    """Parameters of the command that an error of wrong usage is about."""
    return [] if error.ctx is None else error.ctx.command.get_params(error.ctx)


class PanelCommand(TyperCommand):
    """Command whose help lists its options under their panels."""

    def format_options(self, context: Any, formatter: Any) -> None:
        """Write the arguments and options panel by panel, in the order of their declaration."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context)
            if record is not None:
                kind = f'{parameter.param_type_name.capitalize()}s'
                sections.setdefault(getattr(parameter, 'rich_help_panel', None) or kind, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


class ListingGroup(TyperGroup):
    """Group with the default command `list`: `m2m data --json -` is `m2m data list --json -`."""

    #: Default command.
    default = 'list'

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        """Parse the arguments."""
        # For completion, shells need the names of the commands.
        if not context.resilient_parsing and (not arguments or self._is_for_list(context, arguments[0])):
            arguments = [self.default, *arguments]
        return super().parse_args(context, arguments)

    def _is_for_list(self, context: Any, argument: str) -> bool:
        return argument.startswith('-') and argument not in context.help_option_names


class SearchingGroup(ListingGroup):
    """Group that passes unknown commands to `list`: `m2m models resnet` is `m2m models list resnet`."""

    def _is_for_list(self, context: Any, argument: str) -> bool:
        return argument not in (*self.commands, *context.help_option_names)


class RunningGroup(SearchingGroup):
    """Group that passes unknown commands to `run`: `m2m sweep FILE.yaml` is `m2m sweep run FILE.yaml`."""

    default = 'run'
