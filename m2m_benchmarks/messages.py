"""Text for people: messages on stderr, and names from files and servers made safe for a terminal."""

import contextlib
import sys


def printable(text: str, keep: str = '') -> str:
    r"""Escape what a terminal would obey, or show as something else.

    These are all control characters, such as those that start escape codes, return to the start of the line, or change
    the direction of writing; invisible characters; and bytes of file names that are no text.

    Parameters
    ----------
    text : str
    keep : str
        Control characters that stay, such as the line breaks of a message.

    Returns
    -------
    str
        Text with Python's escapes, such as `\x1b`, in place of these characters.
    """
    if text.isprintable():
        return text
    return ''.join(
        character if character.isprintable() or character in keep else repr(character)[1:-1] for character in text
    )


def csv_text(text: str) -> str:
    """Mark a text, by an apostrophe, that a spreadsheet would compute as a formula."""
    return f"'{text}" if text.startswith(('=', '+', '-', '@', '\t', '\r')) else text


def say(text: str) -> None:
    """Print a message to stderr. Nothing happens where stderr is closed or full: no message could say so."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(printable(text, keep='\n'), file=sys.stderr, flush=True)
