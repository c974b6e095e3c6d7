"""Domains of digits, read from the file formats in which they are distributed."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import h5py
import numpy as np
import scipy.io
from PIL import Image

from m2m_benchmarks.data.digits.images import Digits, standardize
from m2m_benchmarks.errors import DataError

_IMAGES = ('.png', '.jpg', '.jpeg', '.bmp', '.gif', '.tif', '.tiff', '.webp')
#: Pixels of the largest image that is opened: a small file may hold a huge one.
_MOST_PIXELS = 4096 * 4096
_FORMATS = (
    'a folder with a folder for each class (in train/ and test/, or one of them), idx files (…-images-idx3-ubyte.gz '
    'beside …-labels-idx1-ubyte.gz), .npz, .h5, .mat, or a .zip of images with a text file of their labels'
)

#: Images, labels, clusters.
_Raw = tuple[np.ndarray | list[np.ndarray], np.ndarray, np.ndarray | None]


def read_domain(path: Path) -> dict[str, Digits]:
    """Read a domain of digits.

    Parameters
    ----------
    path : Path
        - A folder of idx files, the format of MNIST, or one of them; plain or .gz.
        - A folder with folders `0` to `9` of images; or with these in `train` and `test`.
        - .npz with `images` and `labels`, or `train_images`, `train_labels`, `test_images`, `test_labels`; optional
          `files` (`train_files`, …) name the photo that an image was cut from.
        - .h5 with `data` or `images` and `target` or `labels`, in groups `train` and `test` or without; rows of a
          square grey image count as that image.
        - .mat with X (height, width, 3, n) and y, where 10 stands for 0, as in SVHN.
        - .zip of images with a text file of lines `name label`, as in MNIST-M.

    Returns
    -------
    dict
        'train', 'test' or both to digits. A single split is 'train' if its name contains that, else 'test'.

    Raises
    ------
    DataError
        When there is no file, of another format, or with wrong content.
    """
    if not path.exists():
        raise DataError(f'there is no {path}; expected {_FORMATS}.')
    if path.is_dir():
        return _folder(path)
    reader = _READERS.get(path.suffix.lower())
    if path.suffix.lower() == '.gz' or 'idx' in path.name:
        reader = _idx_split
    if reader is None:
        raise DataError(f'{path} has an unknown format; expected {_FORMATS}.')
    raw = reader(path)
    return {split: standardize(*parts, f'{path} ({split})') for split, parts in raw.items()}


def _split(name: str) -> str:
    return 'train' if 'train' in name.lower() else 'test'


def _folder(path: Path) -> dict[str, Digits]:
    idx_files = sorted(file for file in path.iterdir() if 'images-idx3' in file.name or 'images.idx3' in file.name)
    if idx_files:
        return {
            split: standardize(*parts, f'{file} ({split})')
            for file in idx_files
            for split, parts in _idx_split(file).items()
        }
    splits = {split: path / split for split in ('train', 'test') if (path / split).is_dir()} or {
        _split(path.name): path
    }
    return {split: standardize(*_classes(folder), f'{folder} ({split})') for split, folder in splits.items()}


def _classes(path: Path) -> _Raw:
    images: list[np.ndarray] = []
    labels: list[int] = []
    for label in range(10):
        files = sorted(file for file in (path / str(label)).glob('*') if file.suffix.lower() in _IMAGES)
        images += [_image(file.read_bytes(), str(file)) for file in files]
        labels += [label] * len(files)
    if not images:
        raise DataError(f'{path} holds no images in folders 0 to 9; expected {_FORMATS}.')
    return images, np.array(labels), None


def _image(content: bytes, name: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise DataError(f'{name} has {image.width} x {image.height} pixels; expected an image of one digit.')
            return np.asarray(image.convert('L' if image.mode in ('1', 'L') else 'RGB'))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f'{name} cannot be read as an image: {error}.') from error


def _idx_split(path: Path) -> dict[str, _Raw]:
    other = path.with_name(
        path.name.replace('images-idx3', 'labels-idx1').replace('images.idx3', 'labels.idx1')
        if 'images' in path.name
        else path.name.replace('labels-idx1', 'images-idx3').replace('labels.idx1', 'images.idx3')
    )
    if other == path or not other.is_file():
        raise DataError(f'{path} needs {other.name} beside it, because images and labels are separate files.')
    images, labels = (path, other) if 'images' in path.name else (other, path)
    return {_split(path.name): (_idx(images, 3), _idx(labels, 1), None)}


def _idx(path: Path, n_dims: int) -> np.ndarray:
    """Read an idx file of bytes: magic number 0, 0, 8 (unsigned byte), number of dimensions; sizes; values."""
    try:
        content = path.read_bytes()
        if content[:2] == b'\x1f\x8b':
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
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


def _npz(path: Path) -> dict[str, _Raw]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f'{path} cannot be read as an .npz of plain arrays: {error}.') from error
    splits: dict[str, _Raw] = {}
    for split, prefix in (('train', 'train_'), ('test', 'test_'), (_split(path.name), '')):
        if f'{prefix}images' in arrays and f'{prefix}labels' in arrays:
            splits[split] = (arrays[f'{prefix}images'], arrays[f'{prefix}labels'], arrays.get(f'{prefix}files'))
    if not splits:
        raise DataError(
            f'{path} holds {", ".join(arrays) or "nothing"}; expected images and labels, or train_images, ….'
        )
    return splits


def _h5(path: Path) -> dict[str, _Raw]:
    splits: dict[str, _Raw] = {}
    try:
        with h5py.File(path, 'r') as stored:
            groups = {split: stored[split] for split in ('train', 'test') if split in stored} or {
                _split(path.name): stored
            }
            for split, group in groups.items():
                images = next((group[name] for name in ('data', 'images') if name in group), None)
                labels = next((group[name] for name in ('target', 'labels') if name in group), None)
                if images is None or labels is None:
                    raise DataError(
                        f'{path} holds {", ".join(group) or "nothing"} in {group.name}; expected data and target, or '
                        'images and labels.'
                    )
                values = images[()]
                if values.ndim == 2:
                    side = round(values.shape[1] ** 0.5)
                    if side * side != values.shape[1]:
                        raise DataError(
                            f'{path} has rows of {values.shape[1]} pixels, which do not make a square image.'
                        )
                    values = values.reshape(-1, side, side)
                splits[split] = (values, labels[()], None)
    except (OSError, KeyError, AttributeError, RuntimeError) as error:
        raise DataError(f'{path} cannot be read as HDF5: {error}.') from error
    return splits


def _mat(path: Path) -> dict[str, _Raw]:
    try:
        stored = scipy.io.loadmat(path, variable_names=['X', 'y'])
    except Exception as error:  # its parser raises many types for damaged files
        raise DataError(f'{path} cannot be read as a MATLAB file: {type(error).__name__}: {error}.') from error
    if 'X' not in stored or 'y' not in stored or stored['X'].ndim != 4:
        raise DataError(f'{path} lacks X (height, width, 3, n) or y; expected both, as in the files of SVHN.')
    labels = stored['y'].reshape(-1)
    return {_split(path.name): (np.moveaxis(stored['X'], 3, 0), np.where(labels == 10, 0, labels), None)}


def _zip(path: Path) -> dict[str, _Raw]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith('/')]
            texts = [name for name in names if name.endswith('.txt') and 'label' in name.lower()]
            if not texts:
                raise DataError(f'{path} holds no text file of labels, such as labels.txt with lines `name label`.')
            # Images are looked up by file name, because the label files of MNIST-M don't name the folder.
            by_split = {
                _split(text): {
                    PurePosixPath(name).name: name
                    for name in names
                    if name.lower().endswith(_IMAGES) and (len(texts) == 1 or _split(name) == _split(text))
                }
                for text in texts
            }
            splits: dict[str, _Raw] = {}
            for text in texts:
                files = by_split[_split(text)]
                rows = [row.split() for row in archive.read(text).decode(errors='replace').splitlines() if row.strip()]
                for number, row in enumerate(rows, 1):
                    if len(row) != 2 or not row[1].lstrip('-').isdigit() or PurePosixPath(row[0]).name not in files:
                        raise DataError(
                            f'{path}: line {number} of {text} is {" ".join(row)!r}; expected the name of an image in '
                            'the archive and a whole number.'
                        )
                chosen = [files[PurePosixPath(name).name] for name, _ in rows]
                images = [_image(archive.read(name), f'{path}: {name}') for name in chosen]
                splits[_split(text)] = (images, np.array([int(label) for _, label in rows]), None)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise DataError(f'{path} cannot be unpacked: {error}. It is cut short or damaged; copy it again.') from error
    return splits


_READERS: dict[str, Callable[[Path], dict[str, _Raw]]] = {
    '.npz': _npz,
    '.h5': _h5,
    '.hdf5': _h5,
    '.mat': _mat,
    '.zip': _zip,
}
