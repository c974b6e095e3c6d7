"""Notes of cached files, by which damage is noticed: the note of NAME is NAME.json, with its bytes and SHA-256.

A note stays when its file is removed, so that the next download shows whether the file has changed at its source.
"""

import json
from pathlib import Path
from typing import Any

from m2m_benchmarks.messages import say
from m2m_benchmarks.storage import atomic_write, sha256_file


def note_path(path: Path) -> Path:
    """Path of the note of a file."""
    return path.with_name(f'{path.name}.json')


def write_note(path: Path, content: Path | None = None, **more: Any) -> None:
    """Note the SHA-256 of a new file; say on stderr if an earlier note has another one.

    Parameters
    ----------
    path : Path
        Cached file.
    content : Path, optional
        File with its content, which is moved to `path` afterwards; by default `path` itself.
    **more
        Further entries of the note.
    """
    content = content or path
    note = {'bytes': content.stat().st_size, 'sha256': sha256_file(content), **more}
    earlier = _read(path).get('sha256', note['sha256'])
    if earlier != note['sha256']:
        say(
            f'note: {path.name} differs from its earlier download: SHA-256 {note["sha256"][:12]}…, '
            f'{str(earlier)[:12]}… before. It has changed at its source, or was incomplete.'
        )
    with atomic_write(note_path(path)) as file:
        json.dump(note, file, indent=1)


def problem(path: Path) -> str | None:
    """Describe how an existing file differs from its note; None if it doesn't, or has none."""
    if not note_path(path).exists():
        return None
    note = _read(path)
    if not {'bytes', 'sha256'} <= note.keys():
        return f'{note_path(path).name} cannot be read'
    size = path.stat().st_size
    if size != note['bytes']:
        return f'{size:,} bytes, expected {note["bytes"]}'
    return None if sha256_file(path) == note['sha256'] else 'another SHA-256 than when it was downloaded'


def is_intact(path: Path) -> bool:
    """Whether a file exists and agrees with its note."""
    return path.is_file() and note_path(path).is_file() and problem(path) is None


def usable(path: Path) -> bool:
    """Whether a file exists and is undamaged; a damaged one is removed, and stderr says so.

    A file of version 0.1, which has no note, gets one.
    """
    if not path.is_file():
        return False
    if not note_path(path).exists():
        write_note(path)
        return True
    damage = problem(path)
    if damage is not None:
        say(f'note: {path} is damaged ({damage}), and is fetched again.')
        path.unlink()
    return damage is None


def _read(path: Path) -> dict[str, Any]:
    """Read the note of a file; empty where there is none, or a damaged one."""
    try:
        note = json.loads(note_path(path).read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}
