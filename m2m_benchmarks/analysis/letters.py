"""Letters of candidates and of groups of ties. It imports nothing heavy."""

import string
from collections.abc import Sequence


def letter(index: int) -> str:
    """Return the letter of a candidate: A to Z, then A1 to Z1 and so on."""
    return string.ascii_uppercase[index % 26] + (str(index // 26) if index >= 26 else '')


def groups_of_each(groups: Sequence[Sequence[int]], n: int) -> list[list[str]]:
    """List, for each candidate, the letters of the groups of ties that it is in."""
    letters: list[list[str]] = [[] for _ in range(n)]
    for number, group in enumerate(groups):
        for index in group:
            letters[index].append(letter(number).lower())
    return letters


def group_letters(groups: Sequence[Sequence[int]], n: int) -> list[str]:
    """Give each candidate a letter for each group of ties that it is in: 'ab' for one in the first two groups."""
    return [''.join(letters) for letters in groups_of_each(groups, n)]
