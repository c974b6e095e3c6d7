"""Command-line options that surveys declare, independent of the command line."""

from dataclasses import dataclass
from typing import Any

from m2m_benchmarks.errors import DataError


class OptionError(DataError):
    """A command-line option has a wrong value."""


@dataclass(frozen=True)
class Option:
    """An option of `m2m data fetch SURVEY`; surveys that share an option share the object.

    Attributes
    ----------
    name : str
        Name of the value, as in `session_types` for --session-types.
    help : str
        Sentence that says what the value is, or what a flag does.
    type : type
        str, int, Path, or bool for a flag.
    default : str, int, bool or None
    metavar : str, optional
    least : int, optional
        Smallest number that is accepted.
    hidden : bool
        Whether the help leaves it out, such as an earlier name of another option.
    """

    name: str
    help: str
    type: type = str
    default: Any = None
    metavar: str | None = None
    least: int | None = None
    hidden: bool = False

    @property
    def flag(self) -> str:
        """The option on the command line, such as --session-types."""
        return f'--{self.name.replace("_", "-")}'


def comma_separated(flag: str, text: str | None) -> list[str] | None:
    """Split the value of an option at its commas; None if the option isn't given.

    Raises
    ------
    OptionError
        When it holds no name.
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(',') if name.strip()]
    if not names:
        raise OptionError(f'{flag} is empty; expected one name or several, separated by commas.')
    return names
