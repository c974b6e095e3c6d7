"""Domains of digits, read from the file formats in which they are distributed."""

import contextlib
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from m2m_benchmarks import limits
from m2m_benchmarks.acquisition import images
from m2m_benchmarks.acquisition.digit_arrays import read_hdf5, read_libsvm, read_matlab, read_npz, read_rows
from m2m_benchmarks.acquisition.digit_splits import RawSplit, require_once, split_in
from m2m_benchmarks.acquisition.digit_trees import Tree, archive_tree, folder_tree, other_idx, read_tree
from m2m_benchmarks.data.digits.images import Digits, standardize
from m2m_benchmarks.errors import DataError

_FORMATS = (
    'a folder or archive (.zip, .tar.gz) with a folder for each class (in train/ and test/, or one of them), idx files '
    '(…-images-idx3-ubyte.gz beside …-labels-idx1-ubyte.gz), or images with a text file of their labels; or .npz, .h5, '
    '.mat, libsvm text, or rows of a label and pixels (.csv)'
)


def read_domain(
    path: Path,
    background: images.Colour = images.WHITE,
    note: Callable[[str], object] = lambda text: None,
    unnamed: str | None = None,
) -> dict[str, Digits]:
    """Read a domain of digits. Its format follows from the content, not from the name.

    Parameters
    ----------
    path : Path
        - A folder, .zip or .tar (also compressed) of one of these:

          - idx files, the format of MNIST, plain or .gz;
          - folders `0` to `9` of images (also `07`, `class_7` or `seven`); or these in `train` and `test`;
          - images with a text file of lines `name label`, as in MNIST-M.

        - An idx file, with the other one beside it.
        - .npz, HDF5 or MATLAB with `images` and `labels`, `data` and `target`, or `x` and `y`, in groups `train` and
          `test`, with these words in their names (`x_train`), or without; rows of a square grey image count as that
          image; `files` (`train_files`, …) name the photo that an image was cut from.
        - MATLAB with X (height, width, 3, n) and y, where 10 stands for 0, as in SVHN.
        - Text, plain or compressed: libsvm's, as in USPS, or a row for each image, the label and then the pixels.
    background : tuple of int
        Colour (red, green, blue) behind transparent images.
    note : callable
        Called with a sentence for each rule that was used, such as that for pixels of more than 8 bits.
    unnamed : {'train', 'test'}, optional
        Split for images that neither a name in the file nor the name of the file puts into one. Default: 'test',
        with a note.

    Returns
    -------
    dict
        'train', 'test' or both to digits.

    Raises
    ------
    DataError
        When there is no file, of another format, or with wrong content.
    """
    if not path.exists():
        raise DataError(f'there is no {path}; expected {_FORMATS}.')
    raw, notes = _named_splits(_read(path, background), path, unnamed)
    arrays = [named for split, parts in raw.items() for named in _arrays(parts, f'{path} ({split})')]
    scaled, notes_on_scale = images.scale([array for _, array in arrays], [name for name, _ in arrays], path.name)
    notes += notes_on_scale
    splits: dict[str, Digits] = {}
    for split, parts in raw.items():
        what = f'{path} ({split})'
        if isinstance(parts.images, np.ndarray):
            pixels_of_all, *scaled = scaled
            if pixels_of_all.ndim == 4 and pixels_of_all.shape[3] == 4:
                pixels_of_all, more = images.lay_on(pixels_of_all, background, what)
                notes += more
            splits[split] = standardize(pixels_of_all, parts.labels, parts.clusters, what)
        else:
            pixels, scaled = scaled[: len(parts.images)], scaled[len(parts.images) :]
            notes += images.notes_on_changes(parts.images, f'{path.name} ({split})')
            splits[split] = standardize(pixels, parts.labels, parts.clusters, what)
        notes += images.notes_on_brightness([splits[split].images], f'{path.name} ({split})')
    for text in notes:
        note(text)
    return splits


def _arrays(split: RawSplit, what: str) -> list[tuple[str, np.ndarray]]:
    if isinstance(split.images, np.ndarray):
        return [(what, split.images)]
    return [(picture.name, picture.values) for picture in split.images]


def _named_splits(
    raw: dict[str | None, RawSplit], path: Path, unnamed: str | None
) -> tuple[dict[str, RawSplit], list[str]]:
    """Give a split without a name the one in the name of the file, or `unnamed`, or test with a note."""
    notes: list[str] = []
    split = split_in(path.name) or unnamed
    if split is None:
        split = 'test'
        if None in raw:
            notes = [f'{path.name} names neither train nor test, and is taken as test. Use --as train if it is train.']
    require_once([(f'{name} images' if name else 'images', name or split) for name in raw], str(path))
    return {name or split: parts for name, parts in raw.items()}, notes


def _read(path: Path, background: images.Colour) -> dict[str | None, RawSplit]:
    if path.is_dir():
        return read_tree(folder_tree(path), background)
    if not limits.require_file(path).stat().st_size:
        raise DataError(f'{path} is empty. Copy it again.')
    kind = _kind(path)
    if kind is None:
        raise DataError(f'{path} has an unknown format{_guess(path)}; expected {_FORMATS}.')
    if kind == 'archive':
        with archive_tree(path) as tree:
            return read_tree(tree, background)
    if kind == 'idx':
        return _idx_pair(path)
    return _READERS[kind](path)


def _idx_pair(path: Path) -> dict[str | None, RawSplit]:
    pair = {name: path.with_name(name) for name in (path.name, other_idx(path.name))}
    if len(pair) < 2:
        raise DataError(
            f'{path} is an idx file; expected a name with images-idx3 or labels-idx1, which tells its other half.'
        )
    files = {name: partial(limits.read_file, file) for name, file in pair.items() if file.exists()}
    if len(files) < 2:
        raise DataError(f'{path} needs {other_idx(path.name)} beside it, because images and labels are separate files.')
    return read_tree(Tree(path.parent, files), images.WHITE)


def _kind(path: Path) -> str | None:
    """Tell the kind of a file from its content, or from its name if the content is damaged; None if neither tells."""
    start = _start(path)
    if start.startswith(b'\x89HDF'):
        return 'hdf5'
    if start.startswith(b'MATLAB'):
        return 'matlab'
    if zipfile.is_zipfile(path):
        names = []
        with contextlib.suppress(zipfile.BadZipFile, OSError, ValueError), zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if any(name.endswith('/data.pkl') for name in names):  # of torch.save
            return None
        return 'npz' if path.suffix == '.npz' or any(name.endswith('.npy') for name in names) else 'archive'
    if start[257:262] == b'ustar':
        return 'archive'
    if re.match(rb'\0\0\x08[\1\3]', start):
        return 'idx'
    if re.match(rb'\s*[-+.\d]+(\s+\d+:[-+.\deE]+)+\s', start):
        return 'libsvm'
    if re.match(rb'(\xef\xbb\xbf)?\s*[,;]?([-+.\w"]+[,;\s]+){20}', start):
        return 'rows'
    if _other(start) is not None:
        return None
    if other_idx(path.name) != path.name:
        return 'idx'
    return next((kind for suffix, kind in _BY_SUFFIX.items() if path.name.lower().endswith(suffix)), None)


def _start(path: Path) -> bytes:
    """First bytes of a file, unpacked if it is packed; as they are if it is damaged."""
    with path.open('rb') as file:
        start = file.read(512)
        file.seek(0)
        with contextlib.suppress(OSError, EOFError, zlib.error, lzma.LZMAError):
            start = limits.unpacked(file).read(512)
    return start


def _guess(path: Path) -> str:
    """Say what an unknown file seems to be, for a message."""
    if zipfile.is_zipfile(path):
        return ' (it is a PyTorch file; save its arrays with numpy.savez)'
    kind = _other(_start(path))
    return '' if kind is None else f' (it is {kind})'


def _other(start: bytes) -> str | None:
    """Say what a file is that isn't read, from its first bytes; None if they don't tell."""
    return next((kind for first, kind in _OTHERS.items() if start.lstrip().lower().startswith(first)), None)


#: First bytes, in lower case, of files that are not read, and what they are.
_OTHERS = {
    b'<!doctype html': 'a web page; the download failed',
    b'<html': 'a web page; the download failed',
    b'version https://git-lfs': 'a git-lfs pointer; get the file itself with git lfs pull',
    b'\x80': 'a pickle, which is not read because it can run code; save the arrays with numpy.savez',
    b'\x93numpy': 'a single array of numpy; save images and labels in one file with numpy.savez',
    b'par1': 'a Parquet file; save its images and labels with numpy.savez',
    b'@relation': 'an ARFF file; save its images and labels with numpy.savez',
    b'7z\xbc\xaf': 'a 7z archive; unpack it',
    b'rar!': 'a RAR archive; unpack it',
    b'\x28\xb5\x2f\xfd': 'packed by zstd; unpack it',
    b'\x1f\x9d': 'packed by compress; unpack it',
}
#: Kinds of files whose content is damaged beyond recognition, by the ending of their name; the longest first.
_BY_SUFFIX = {'.tar.gz': 'archive', '.tgz': 'archive', '.npz': 'npz', '.h5': 'hdf5', '.hdf5': 'hdf5', '.mat': 'matlab'}
_BY_SUFFIX |= {'.zip': 'archive', '.bz2': 'libsvm'}
_READERS: dict[str, Callable[[Path], dict[str | None, RawSplit]]] = {
    'npz': read_npz,
    'hdf5': read_hdf5,
    'matlab': read_matlab,
    'libsvm': read_libsvm,
    'rows': read_rows,
}
