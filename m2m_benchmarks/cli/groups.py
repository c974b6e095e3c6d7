"""Groups of commands that understand more than the names of their commands."""

from itertools import pairwise
from typing import Any

import typer
from typer.core import TyperGroup


class TopGroup(TyperGroup):
    """Group of all commands, which stand in the help under the panels that they are registered with.

    It says how --json is spelled to those who use it without a value, as it once was.
    """

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        """Take the command line apart."""
        for option, value in pairwise([*arguments, '--']):
            if option == '--json' and value != '-' and value.startswith('-'):
                raise typer.BadParameter(
                    'it takes the name of a file, or - to print the JSON: --json FILE, --json -',
                    ctx=context,
                    param_hint='--json',
                )
        return super().parse_args(context, arguments)

    def format_commands(self, context: Any, formatter: Any) -> None:
        """Write the sections of commands, in the order of their registration."""
        sections: dict[str, list[str]] = {}
        for name in self.list_commands(context):
            sections.setdefault(getattr(self.commands[name], 'rich_help_panel', None) or 'Others', []).append(name)
        widest = max(map(len, self.commands))
        for title, names in sections.items():
            with formatter.section(title):
                shorts = [self.commands[name].get_short_help_str(formatter.width - 6 - widest) for name in names]
                formatter.write_dl([(name.ljust(widest), short) for name, short in zip(names, shorts, strict=True)])


class ListingGroup(TyperGroup):
    """Group whose command `list` is meant where none is named: `m2m data --json -` is `m2m data list --json -`."""

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        """Take the command line apart."""
        # Shells that complete a command line complete the names of commands.
        if not context.resilient_parsing and (not arguments or self._is_for_list(context, arguments[0])):
            arguments = ['list', *arguments]
        return super().parse_args(context, arguments)

    def _is_for_list(self, context: Any, argument: str) -> bool:
        return argument.startswith('-') and argument not in context.help_option_names


class SearchingGroup(ListingGroup):
    """Group in which what is no command is for `list`: `m2m models resnet` is `m2m models list resnet`."""

    def _is_for_list(self, context: Any, argument: str) -> bool:
        return argument not in (*self.commands, *context.help_option_names)
