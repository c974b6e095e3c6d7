"""Parse random seeds on the command line."""

import re

import typer

_PART = re.compile(r'(\d+)(?:-(\d+))?', re.ASCII)
#: Largest number of seeds: a typing error such as 0-10000000 must not fill the memory.
_MAX_SEEDS = 1000


def parse_seeds(text: str, where: str = '--seeds') -> list[int]:
    """Parse random seeds: numbers and ranges, such as 0,1,2 or 0-4 or 0-2,7, from an option or another place.

    Raises
    ------
    typer.BadParameter
        When a part is neither a number nor a range, a range runs backwards, a seed is repeated, or there are too many.
    """
    matches = [_PART.fullmatch(part.strip()) for part in text.split(',')]
    ranges = [(int(match[1]), int(match[2] or match[1])) for match in matches if match]
    count = sum(last - first + 1 for first, last in ranges)
    seeds = [seed for first, last in ranges for seed in range(first, last + 1)] if count <= _MAX_SEEDS else []
    if any(seed >= 2**63 for seed in seeds):
        raise typer.BadParameter(f'{text!r}: expected numbers of at most 64 bits, below 2**63', param_hint=where)
    if None in matches or any(first > last for first, last in ranges) or len(set(seeds)) < len(seeds):
        seeds = []
    if not seeds:
        raise typer.BadParameter(
            f'{text!r}: expected different whole numbers or ranges, at most {_MAX_SEEDS:,}, such as 0,1,2 or 0-4',
            param_hint=where,
        )
    return seeds
