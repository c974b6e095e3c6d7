"""Digits in folders and archives: idx files, a folder for each class, or a text file of labels."""

import contextlib
import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from m2m_benchmarks import limits
from m2m_benchmarks.acquisition import images
from m2m_benchmarks.acquisition.digit_splits import LABEL_COLUMNS, RawSplit, only_named, require_once, split_in
from m2m_benchmarks.data.digits.images import CLASSES
from m2m_benchmarks.errors import DataError

#: Pixels of the largest image of a digit.
_MOST_PIXELS = 4096 * 4096
_NUMERALS = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')
#: Names of the folder of a class: 7, 07, class_7, digit-7.
_CLASS_FOLDER = re.compile(r'(?:(?:class|digit|label)[ _-]?)?0?(\d)', re.ASCII)


@dataclass(frozen=True)
class Tree:
    """Files in a folder or an archive, without those that macOS adds.

    Attributes
    ----------
    where : Path
        The folder or archive, for messages.
    read : mapping of str to callable
        Path of each file, relative to the tree, to the function that returns its content.
    """

    where: Path
    read: Mapping[str, Callable[[], bytes]]

    def __getitem__(self, name: str) -> bytes:
        """Content of a file."""
        return self.read[name]()


def folder_tree(path: Path) -> Tree:
    """List the files in a folder and the folders in it."""
    files = {file.relative_to(path).as_posix(): file for file in path.rglob('*') if not file.is_dir()}
    return Tree(path, {name: partial(limits.read_file, files[name], path) for name in _sorted(files)})


@contextlib.contextmanager
def archive_tree(path: Path) -> Iterator[Tree]:
    """Open a .zip, or a .tar that may be compressed.

    Raises
    ------
    DataError
        When it, or a file in it, can't be unpacked.
    """
    try:
        if path.suffix != '.zip' and not zipfile.is_zipfile(path):
            yield _tar_tree(path)
        else:
            with zipfile.ZipFile(path) as archive:
                names = _sorted(name for name in archive.namelist() if not name.endswith('/'))
                limits.check_zip(archive, names, path)
                yield Tree(
                    path, {name.replace('\\', '/'): partial(limits.read_member, archive, name) for name in names}
                )
    except (
        *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
        *(OSError, EOFError, RuntimeError, NotImplementedError),
    ) as error:
        raise DataError(f'{path} cannot be unpacked: {error}. It is cut short or damaged; copy it again.') from error


def _tar_tree(path: Path) -> Tree:
    """Read all files of a .tar into memory: those of a compressed one can only be read in their order."""
    contents: dict[str, bytes] = {}
    total = limits.Total(str(path))
    with path.open('rb') as packed:
        counted: Any = _Counted(limits.unpacked(packed), path)  # a stream is only read
        archive = tarfile.open(fileobj=counted, mode='r|')  # noqa: SIM115 - it holds nothing open
        for member in archive:
            name = PurePosixPath(member.name).as_posix()
            file = archive.extractfile(member) if member.isfile() and not images.is_helper_file(name) else None
            if file is not None:
                total.add(member.size)  # a file with holes is larger than what the archive holds of it
                contents[name] = file.read()
    return Tree(path, {name: partial(contents.__getitem__, name) for name in _sorted(contents)})


class _Counted:
    """Unpacked content of an archive up to the limit; also of headers and of what is passed over."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._total = limits.Total(str(path))

    def read(self, size: int) -> bytes:
        content = self._file.read(size)
        self._total.add(len(content))
        return content


def _sorted(names: Iterator[str] | Mapping[str, object]) -> list[str]:
    return sorted((name for name in names if not images.is_helper_file(name)), key=lambda name: PurePosixPath(name))


def read_tree(tree: Tree, background: images.Colour) -> dict[str | None, RawSplit]:
    """Read the digits of a tree.

    Raises
    ------
    DataError
        When it holds no digits, or something is wrong with them.
    """
    idx = [name for name in tree.read if 'images-idx3' in _base(name) or 'images.idx3' in _base(name)]
    if idx:
        return _idx_splits(tree, idx)
    pictures = [name for name in tree.read if name.lower().endswith(images.SUFFIXES)]
    classes = {name: _class_of(name) for name in pictures}
    in_classes = {name: label for name, label in classes.items() if label is not None}
    texts = [name for name in tree.read if name.lower().endswith(('.txt', '.csv')) and 'label' in _base(name).lower()]
    if texts and set(in_classes.values()) != set(range(CLASSES)):
        return _labelled(tree, pictures, texts, background)
    if not in_classes:
        others = ', '.join([name for name in tree.read if name not in classes][:3])
        advice = f' It holds {others}; if images and labels are in one file, name that, unpacked.' if others else ''
        raise DataError(
            f'{tree.where} holds no images in folders 0 to 9, and no text file of labels, such as labels.txt with '
            f'lines `name label`. Expected images in a folder for each class, such a text file, or idx files.{advice}'
        )
    return _classes(tree, in_classes, background)


def _base(name: str) -> str:
    return PurePosixPath(name).name


def _class_of(name: str) -> int | None:
    """Class of an image by the name of its folder; None if that names none."""
    folder = PurePosixPath(name).parent.name.lower()
    if folder in _NUMERALS:
        return _NUMERALS.index(folder)
    match = _CLASS_FOLDER.fullmatch(folder)
    return None if match is None else int(match[1])


def _decode(tree: Tree, name: str, background: images.Colour) -> images.Picture:
    return images.decode(tree[name], f'{tree.where}: {name}', _MOST_PIXELS, background)


def _decode_all(tree: Tree, names: list[str], background: images.Colour) -> list[images.Picture]:
    total = limits.Total(f'the images of {tree.where}')
    pictures = []
    for name in names:
        pictures.append(_decode(tree, name, background))
        total.add(pictures[-1].values.nbytes)
    return pictures


def _classes(tree: Tree, classes: Mapping[str, int], background: images.Colour) -> dict[str | None, RawSplit]:
    above = {str(PurePosixPath(name).parent.parent) for name in classes}
    folders = only_named((folder, split_in(folder)) for folder in sorted(above))
    require_once(folders.items(), str(tree.where))
    splits: dict[str | None, RawSplit] = {}
    for folder, split in folders.items():
        inside = [name for name in classes if str(PurePosixPath(name).parent.parent) == folder]
        inside.sort(key=classes.__getitem__)  # stable: by class, then by name
        labels = np.array([classes[name] for name in inside])
        splits[split] = RawSplit(_decode_all(tree, inside, background), labels)
    return splits


def _labelled(
    tree: Tree, pictures: list[str], texts: list[str], background: images.Colour
) -> dict[str | None, RawSplit]:
    by_text = only_named((text, split_in(_base(text))) for text in texts)
    require_once(by_text.items(), str(tree.where))
    splits: dict[str | None, RawSplit] = {}
    for text, split in by_text.items():
        listed = [name for name in pictures if len(by_text) == 1 or _picture_split(name) == split]
        names, labels = _rows(tree, text, listed)
        splits[split] = RawSplit(_decode_all(tree, names, background), np.array(labels))
    return splits


def _picture_split(name: str) -> str | None:
    return split_in(str(PurePosixPath(name).parent)) or split_in(_base(name))


def _rows(tree: Tree, text: str, pictures: list[str]) -> tuple[list[str], list[str]]:
    """Read lines `name label`; an image is named by its path, or by its file name where that is unique.

    The ending of the name may be missing.
    """
    by_name: dict[str, set[str]] = {}
    for picture in pictures:
        inside = picture.removeprefix(f'{PurePosixPath(text).parent.as_posix()}/')
        for name in {picture, inside, _base(picture)}:
            for written in (name, str(PurePosixPath(name).with_suffix(''))):
                by_name.setdefault(written, set()).add(picture)
    names: list[str] = []
    labels: list[str] = []
    for number, row in enumerate(tree[text].decode('utf-8-sig', errors='replace').splitlines(), 1):
        if not row.strip():
            continue
        parts = re.fullmatch(r'\s*(.+?)[\s,;]+([^\s,;]+)\s*', row)
        name = parts[1].replace('\\', '/') if parts else ''
        named = by_name.get(name) or by_name.get(_base(name))
        if number == 1 and parts and not named and parts[2].lower() in LABEL_COLUMNS:
            continue
        if parts is None or not named:
            raise DataError(
                f'{tree.where}: line {number} of {text} is {row.strip()!r}; expected the name of an image in the '
                'archive or folder, and a label.'
            )
        if len(named) > 1:
            raise DataError(
                f'{tree.where}: line {number} of {text} names {parts[1]}, which is in several folders '
                f'({", ".join(sorted(named)[:2])}); expected names with their folder.'
            )
        names += named
        labels.append(parts[2])
    return names, labels


def _idx_splits(tree: Tree, names: list[str]) -> dict[str | None, RawSplit]:
    # A file and its packed copy are one: the shorter name is the unpacked one's.
    files = {name.removesuffix('.gz'): name for name in sorted(names, key=len, reverse=True)}
    splits = [(name, split_in(_base(name))) for name in files.values()]
    require_once(splits, str(tree.where))
    return {split: _idx_split(tree, name) for name, split in splits}


def _idx_split(tree: Tree, name: str) -> RawSplit:
    labels = str(PurePosixPath(name).with_name(other_idx(_base(name))))
    if labels not in tree.read:
        raise DataError(
            f'{tree.where / name} needs {_base(labels)} beside it, because images and labels are separate files.'
        )
    return RawSplit(read_idx(tree[name], tree.where / name, 3), read_idx(tree[labels], tree.where / labels, 1))


def other_idx(name: str) -> str:
    """Name of the labels that belong to a file of images, and the reverse."""
    for one, other in (('images-idx3', 'labels-idx1'), ('images.idx3', 'labels.idx1')):
        if one in name or other in name:
            return name.replace(one, other) if one in name else name.replace(other, one)
    return name


def read_idx(content: bytes, path: Path, n_dims: int) -> np.ndarray:
    """Read an idx file of bytes: magic number 0, 0, 8 (unsigned byte), number of dimensions; sizes; values."""
    try:
        content = limits.read_unpacked(io.BytesIO(content), str(path))
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f'{path} cannot be unpacked: {error}. It is cut short or damaged; copy it again.') from error
    magic = bytes([0, 0, 8, n_dims])
    if content[:4] != magic:
        raise DataError(
            f'{path} begins with {content[:4].hex(" ") or "nothing"}; expected the magic number {magic.hex(" ")} of an '
            f'idx file of {"images" if n_dims == 3 else "labels"}.'
        )
    start = 4 + 4 * n_dims
    if len(content) < start:
        raise DataError(f'{path} is cut short: it has {len(content)} bytes, less than its header.')
    shape = struct.unpack(f'>{n_dims}I', content[4:start])
    expected = start + int(np.prod(shape, dtype=object))
    if len(content) != expected:
        raise DataError(f'{path} has {len(content):,} bytes; expected {expected:,} for {" x ".join(map(str, shape))}.')
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
