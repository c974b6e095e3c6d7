"""Digits in files of arrays: .npz, HDF5, MATLAB, and text of libsvm or of a row for each image."""

import io
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import scipy.io
from sklearn.datasets import load_svmlight_file

from m2m_benchmarks import limits
from m2m_benchmarks.acquisition.digit_splits import LABEL_COLUMNS, RawSplit, split_in
from m2m_benchmarks.acquisition.hdf5 import check_own, check_size, read_texts
from m2m_benchmarks.data.digits.images import CLASSES
from m2m_benchmarks.errors import DataError

#: Names of arrays, without the split: those of numpy users, Keras, OpenML and MATLAB users.
_ROLES = {
    'images': ('images', 'image', 'data', 'features', 'x'),
    'labels': ('labels', 'label', 'targets', 'target', 'y'),
    'clusters': ('files',),
}
#: Names of columns that count the rows, in lower case; the first is pandas' for a column without a name.
_INDICES = ('unnamed: 0', 'index', 'id')
#: Most bytes of a value of MATLAB, whose files may store fewer.
_MATLAB_BYTES = 8


def read_npz(path: Path) -> dict[str | None, RawSplit]:
    """Read arrays of numpy."""
    try:
        with np.load(path, allow_pickle=False) as stored:

            def load(name: str) -> np.ndarray:
                limits.check_zip(stored.zip, [f'{name}.npy'], path)
                return np.asarray(stored[f'{name}.npy'])

            return _named(path, stored.files, load)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # zipfile and numpy raise many types for damaged files
        advice = ' Save text labels as whole numbers: labels.astype(int).' if 'allow_pickle' in str(error) else ''
        raise DataError(f'{path} cannot be read as an .npz of plain arrays: {error}.{advice}') from error


def read_hdf5(path: Path) -> dict[str | None, RawSplit]:
    """Read arrays of HDF5, in groups or without."""
    try:
        with h5py.File(path, 'r') as stored:
            check_own(stored, path)
            return _named(path, _datasets(stored), lambda name: _values(stored[name], path))
    except (DataError, MemoryError):
        raise
    except Exception as error:  # h5py raises many types for damaged files
        raise DataError(f'{path} cannot be read as HDF5: {error}.') from error


def _datasets(group: h5py.Group) -> list[str]:
    names: list[str] = []
    group.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def _values(dataset: h5py.Dataset, path: Path) -> np.ndarray:
    check_size(dataset, str(path))
    return read_texts(dataset, str(path)) if h5py.check_string_dtype(dataset.dtype) else np.asarray(dataset[()])


def read_matlab(path: Path) -> dict[str | None, RawSplit]:
    """Read arrays of MATLAB: X (height, width, 3, n) and y of SVHN, or named as in other files."""
    try:
        if h5py.is_hdf5(path):  # of version 7.3, which has the axes in reversed order
            with h5py.File(path, 'r') as stored:
                check_own(stored, path)
                return _matlab_arrays(path, _datasets(stored), lambda name: _values(stored[name], path).T)
        sizes = {name: int(np.prod(shape, dtype=object)) for name, shape, _ in scipy.io.whosmat(path)}

        def load(name: str) -> np.ndarray:
            limits.refuse_size(f'{path}: {name}', sizes[name] * _MATLAB_BYTES)
            return np.asarray(scipy.io.loadmat(path, variable_names=[name])[name])

        return _matlab_arrays(path, list(sizes), load)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # the parsers raise many types for damaged files
        raise DataError(f'{path} cannot be read as a MATLAB file: {type(error).__name__}: {error}.') from error


def _matlab_arrays(path: Path, names: list[str], load: Callable[[str], np.ndarray]) -> dict[str | None, RawSplit]:
    if {'X', 'y'} <= set(names):
        images = load('X')
        if images.ndim == 4:
            labels = load('y').reshape(-1)
            return {None: RawSplit(np.moveaxis(images, 3, 0), np.where(labels == 10, 0, labels))}
    return _named(path, names, load)


def read_libsvm(path: Path) -> dict[str | None, RawSplit]:
    """Read libsvm's text, `label 1:value 2:value …`; labels 1 to 10 and pixels in [-1, 1] are those of USPS."""
    try:
        rows, labels = load_svmlight_file(io.BytesIO(_unpacked(path)), dtype=np.float32, zero_based=False)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f'{path} cannot be read as libsvm text: {error}. Copy it again.') from error
    side = int(np.ceil(np.sqrt(rows.shape[1])))
    limits.refuse_size(str(path), rows.shape[0] * side * side * 4)  # a few characters may name a pixel far away
    pixels = np.zeros((rows.shape[0], side * side), dtype=np.float32)
    pixels[:, : rows.shape[1]] = rows.toarray()  # the last pixels may be 0 in all images, and then not in the file
    if labels.min() >= 1 and labels.max() == 10:
        labels = labels - 1
    # By libsvm's convention the test split of NAME is NAME.t.
    split = split_in(path.name) or ('test' if '.t' in path.suffixes else 'train')
    return {split: RawSplit(_from_signed(pixels).reshape(-1, side, side), labels)}


def read_rows(path: Path) -> dict[str | None, RawSplit]:
    """Read text with a row for each image: its label, then its pixels.

    A first row may name the columns, as in the CSV files of Kaggle and OpenML; then the label may be in any column.
    Without names, the labels are the last column if that holds the values 0 to 9 and the first doesn't, as in UCI's
    files.
    """
    try:
        content = _unpacked(path)
        first = content[: content.find(b'\n')].decode('utf-8-sig')
        separator = next((mark for mark in ',;' if mark in first), r'\s+')
        header = None if re.match(r'[\s"]*[-+.\d]', first) else 0
        table = pd.read_csv(io.BytesIO(content), sep=separator, header=header, encoding='utf-8-sig')
        if header is not None:
            table = table.drop(columns=[name for name in table.columns if str(name).strip().lower() in _INDICES])
        label = _label_column(path, table, header is not None)
        labels, pixels = table.iloc[:, label].to_numpy(), table.drop(columns=table.columns[label]).to_numpy()
    except DataError:
        raise
    except (OSError, EOFError, ValueError, zlib.error) as error:  # pandas' parser errors are ValueErrors
        raise DataError(f'{path} cannot be read as rows of a label and pixels: {error}.') from error
    return {None: _raw_split(path, {'images': _from_signed(pixels), 'labels': labels})}


def _label_column(path: Path, table: pd.DataFrame, is_named: bool) -> int:
    """Index of the column of labels: that of such a name, or the first or last column."""
    names = [str(name).strip().lower() for name in table.columns]
    ends = (0, len(names) - 1)
    named = [i for i, name in enumerate(names) if name in LABEL_COLUMNS]
    filled = [i for i in ends if set(table.iloc[:, i]) == set(range(CLASSES))]
    if is_named and not named and not filled:
        raise DataError(
            f'{path} has no column of labels: none is named {", ".join(LABEL_COLUMNS)}, and neither the first nor the '
            'last column holds the values 0 to 9.'
        )
    return next(iter([*named, *filled]), 0)


def _unpacked(path: Path) -> bytes:
    with path.open('rb') as file:
        return limits.read_unpacked(file, str(path))


def _from_signed(pixels: np.ndarray) -> np.ndarray:
    """Bring pixels in [-1, 1], as those of USPS are, to 8 bits; leave others as they are."""
    if pixels.dtype.kind == 'f' and -1 <= pixels.min() < 0 and pixels.max() <= 1:
        return ((pixels + 1) / 2 * 255).astype(np.uint8)  # as torchvision does
    return pixels


def _named(path: Path, names: Iterable[str], load: Callable[[str], np.ndarray]) -> dict[str | None, RawSplit]:
    """Find the images and labels of each split by the names of arrays."""
    names = list(names)
    by_split: dict[str | None, dict[str, str]] = {}
    for role, synonyms in _ROLES.items():
        for synonym in synonyms:
            for name in names:
                words = [word for word in re.split(r'[^a-z0-9]+', name.lower()) if word]
                split = next((word for word in words if word in ('train', 'test')), None)
                if [word for word in words if word != split] == [synonym]:
                    by_split.setdefault(split, {}).setdefault(role, name)
    roles = {split: arrays for split, arrays in by_split.items() if arrays.keys() & {'images', 'labels'}}
    if not roles or any(not {'images', 'labels'} <= arrays.keys() for arrays in roles.values()):
        raise DataError(
            f'{path} holds {", ".join(names) or "nothing"}; expected images and labels, or x_train, y_train, x_test '
            'and y_test, or data and target in groups train and test.'
        )
    return {
        split: _raw_split(path, {role: load(name) for role, name in arrays.items()}) for split, arrays in roles.items()
    }


def _raw_split(path: Path, arrays: Mapping[str, np.ndarray]) -> RawSplit:
    images, labels = arrays['images'], arrays['labels']
    if images.ndim < 2:
        raise DataError(f'{path} has an array {images.shape} of images; expected (n, height, width) or rows of pixels.')
    if images.ndim == 2:
        if images.shape[1] == labels.size != images.shape[0]:  # an image in each column, as MATLAB users have them
            images = images.T
        side = round(images.shape[1] ** 0.5)
        if side * side != images.shape[1]:
            raise DataError(f'{path} has rows of {images.shape[1]} pixels, which do not make a square image.')
        images = images.reshape(-1, side, side)
    elif images.ndim == 4 and images.shape[3] not in (1, 3, 4) and images.shape[1] in (1, 3, 4):
        images = np.moveaxis(images, 1, 3)  # channels first, as PyTorch users have them
    return RawSplit(images, labels, arrays.get('clusters'))
