"""Checks of HDF5 files that others made, before anything in them is read."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from m2m_benchmarks import limits
from m2m_benchmarks.errors import DataError

#: Texts that are read at a time.
_TEXTS = 16


def check_own(file: h5py.File, where: Path) -> None:
    """Check that all that a file holds is in the file itself.

    HDF5 opens other files by itself where a link, the storage of a dataset, or the parts of a virtual dataset name
    them, whichever files they are. Links within the file are followed nowhere here, so that loops do no harm.

    Parameters
    ----------
    file : h5py.File
    where : Path
        Path of the file, for messages.

    Raises
    ------
    DataError
        When something names another file.
    """
    groups: list[h5py.Group] = [file['/']]
    seen: set[int] = {h5py.h5o.get_info(file['/'].id).addr}
    while groups:
        group = groups.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise _elsewhere(where, group, name, 'is a link to', link.filename)
            if not isinstance(link, h5py.HardLink):
                continue
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(item, h5py.Group):
                groups.append(item)
            elif isinstance(item, h5py.Dataset):
                for other in _other_files(item):
                    raise _elsewhere(where, group, name, 'is stored in', other)


def own_dataset(file: h5py.File, path: str, where: str) -> h5py.Dataset:
    """Return a dataset of a file that is too large to look through, or is read from a server.

    Raises
    ------
    DataError
        When the path leads to another file, or the dataset is stored in one; none of its content has been read then.
    KeyError
        When there is nothing at the path.
    """
    dataset = file[path]
    others = _other_files(dataset) if isinstance(dataset, h5py.Dataset) else []
    if h5py.h5o.get_info(dataset.id).fileno != h5py.h5o.get_info(file.id).fileno:
        others = [dataset.file.filename]
    if others:
        raise DataError(
            f'{where}: {path} is a link to another file, {others[0]}, which is not followed; copy its data here.'
        )
    return dataset


def check_size(dataset: h5py.Dataset, what: str) -> None:
    """Raise a DataError if a dataset, or one of its chunks, has too many bytes to be read.

    A chunk is unpacked as a whole, also for a single value.
    """
    chunk = dataset.dtype.itemsize
    for size in dataset.chunks or ():
        chunk *= size
    limits.refuse_size(f'{what}: {dataset.name}', max(dataset.size * dataset.dtype.itemsize, chunk))


def read_texts(dataset: h5py.Dataset, what: str) -> np.ndarray:
    """Read texts, few at a time: any number of them may be one and the same long text in the file.

    Raises
    ------
    DataError
        When they have too many characters together.
    """
    if not dataset.shape:
        return np.asarray(dataset.asstr()[()])
    return np.concatenate([np.empty((0, *dataset.shape[1:]), dtype=object), *_few_texts(dataset, what)])


def _few_texts(dataset: h5py.Dataset, what: str) -> Iterator[np.ndarray]:
    """Yield the texts of a dataset, few at a time; raises a DataError when they have too many characters together."""
    total = limits.Total(f'{what}: {dataset.name}')
    for start in range(0, len(dataset), _TEXTS):
        texts = dataset.asstr()[start : start + _TEXTS]
        total.add(sum(map(len, texts.ravel())))
        yield texts


def check_memory(file: h5py.File, what: str) -> None:
    """Raise a DataError if a dataset or an attribute of a file takes too much memory when it is read."""

    def check(item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            check_size(item, what)
            if item.shape and h5py.check_string_dtype(item.dtype):
                for _ in _few_texts(item, what):  # counted, and not kept
                    pass
        for name in item.attrs:
            attribute = item.attrs.get_id(name)
            n = attribute.get_space().get_simple_extent_npoints()
            # Attributes are not packed, but texts may be one and the same; those of netCDF are one text each.
            if n > _TEXTS and attribute.get_type().get_class() in (h5py.h5t.VLEN, h5py.h5t.STRING):
                limits.refuse_size(f'{what}: the attribute {name} of {item.name}', n * file.id.get_filesize())

    check(file['/'])
    file.visititems(lambda _, item: check(item))


def _other_files(dataset: h5py.Dataset) -> list[str]:
    """Files besides its own that a dataset is stored in."""
    files = [str(file) for file, _, _ in dataset.external or ()]
    if dataset.is_virtual:
        files += [source.file_name for source in dataset.virtual_sources() if source.file_name != '.']
    return files


def _elsewhere(where: Path, group: h5py.Group, name: str, how: str, other: str) -> DataError:
    path = f'{group.name.rstrip("/")}/{name}'
    return DataError(
        f'{where}: {path} {how} another file, {other}, which is not read. Copy the content into one file '
        '(h5repack, or h5copy).'
    )
