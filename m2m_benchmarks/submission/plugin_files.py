"""The files of a plugin folder that are exported: what belongs to the plugin, and nothing else of its author's."""

import itertools
import math
import stat
from collections.abc import Iterator
from pathlib import Path

from m2m_benchmarks.errors import M2MError

#: Default limit for the files of a plugin before they are packed, in bytes: ten times an archive of the website.
MOST_UNPACKED_BYTES = 500_000_000
#: Most files and folders of a plugin, and most folders inside one another. Links to folders can multiply them.
_MOST_ENTRIES, _DEEPEST = 10_000, 50


def plugin_files(folder: Path, most_bytes: float = math.inf) -> dict[Path, Path]:
    """List the files of a plugin folder that are exported.

    Hidden files and folders, such as .env and .git, and compiled code are left out. A link inside the folder stands for
    its target.

    Parameters
    ----------
    folder : Path
        Plugin folder.
    most_bytes : float
        Limit for the sizes of all files together, in bytes.

    Returns
    -------
    dict
        Path in the exported folder, to the file to copy.

    Raises
    ------
    M2MError
        When a link leads out of the folder or to something hidden, something is neither a file nor a folder, a name is
        no UTF-8, or there are too many files, or too large ones. The message names it.
    """
    root = folder.resolve()
    try:
        files = dict(_walk(root, root, Path(), (root,), itertools.count(1)))
        sizes = {inside: file.stat().st_size for inside, file in files.items()}
    except OSError as error:
        raise M2MError(f'{error.filename or folder} cannot be copied: {error.strerror or error}.') from error
    total = sum(sizes.values())
    if total > most_bytes:
        largest = max(sizes, key=lambda inside: sizes[inside])
        raise M2MError(
            f'{folder} has {len(files)} files with {total / 1e6:,.1f} MB together, and {most_bytes / 1e6:,.0f} MB are '
            f'allowed. The largest is {largest}, with {sizes[largest] / 1e6:,.1f} MB. Move what is no part of the '
            'plugin out of its folder, or raise the limit: --max-mb.'
        )
    return files


def is_left_out(name: str) -> bool:
    """Whether a file or folder of this name isn't part of a plugin: hidden, or compiled code."""
    return name.startswith('.') or name == '__pycache__' or name.endswith('.pyc')


def _walk(
    root: Path, folder: Path, inside: Path, above: tuple[Path, ...], counter: Iterator[int]
) -> Iterator[tuple[Path, Path]]:
    """Yield the path inside the plugin and the file of each file below a folder; `above` are the folders around it."""
    if len(above) > _DEEPEST:
        raise M2MError(f'{root} has more than {_DEEPEST} folders inside one another; expected a plugin folder.')
    for path in sorted(folder.iterdir()):
        if is_left_out(path.name):
            continue
        if next(counter) > _MOST_ENTRIES:
            raise M2MError(
                f'{root} has more than {_MOST_ENTRIES:,} files and folders, at {inside}; expected fewer. Move '
                'what is no part of the plugin out of it, and remove links to its folders.'
            )
        if any('\ud800' <= character <= '\udfff' for character in path.name):
            raise M2MError(f'the name of {path} is no UTF-8, which archives need; rename it.')
        target = _target(root, path) if path.is_symlink() else path
        mode = target.stat().st_mode
        if stat.S_ISREG(mode):
            yield inside / path.name, target
        elif not stat.S_ISDIR(mode):
            raise M2MError(f'{path} is neither a file nor a folder; remove it from the plugin folder.')
        elif target in above:
            raise M2MError(f'the link {path} leads to a folder that it is in; remove it.')
        else:
            yield from _walk(root, target, inside / path.name, (*above, target), counter)


def _target(root: Path, link: Path) -> Path:
    """Resolve a link, which must stay among the exported files."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        raise M2MError(f'the link {link} leads to nothing; remove it, or put the file in its place.') from error
    if not target.is_relative_to(root):
        raise M2MError(
            f'the link {link} leads out of the plugin folder, to {target}, which is not exported. Remove the link, or '
            'copy the file into the folder if it belongs to the plugin.'
        )
    if any(map(is_left_out, target.relative_to(root).parts)):
        raise M2MError(f'the link {link} leads to a hidden file, which is not exported. Remove the link.')
    return target
