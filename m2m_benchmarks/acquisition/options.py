"""Options of the command line that surveys declare, without any of the command line."""

from dataclasses import dataclass
from typing import Any

from m2m_benchmarks.errors import DataError


class OptionError(DataError):
    """An option of the command line that can't be followed."""


@dataclass(frozen=True)
class Option:
    """An option of `m2m data fetch` that a survey takes.

    Surveys that share an option share the object. Each survey's command lists its own options alone.

    Attributes
    ----------
    name : str
        Name of the value, as in `session_types` for --session-types.
    help : str
        Sentence that says what the value is, or of a flag what it does.
    type : type
        str, int, Path, or bool for a flag.
    default : str, int, bool or None
    metavar : str, optional
    least : int, optional
        Smallest number that is accepted.
    hidden : bool
        The help doesn't list it, as an earlier name of another option.
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
        """The option as it is written."""
        return f'--{self.name.replace("_", "-")}'


def comma_separated(flag: str, text: str | None) -> list[str] | None:
    """Read the names in an option, separated by commas; None where it isn't given.

    Raises
    ------
    OptionError
        When there is no name in it.
    """
    if text is None:
        return None
    names = [each.strip() for each in text.split(',') if each.strip()]
    if not names:
        raise OptionError(f'{flag} is empty; expected one name or several, separated by commas.')
    return names
