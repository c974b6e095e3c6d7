"""From files of digits, here or on their authors' servers, to domains in the data folder."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torchvision import datasets

from m2m_benchmarks.acquisition.digit_files import read_domain
from m2m_benchmarks.acquisition.download import download
from m2m_benchmarks.acquisition.importing import _NAME, Progress
from m2m_benchmarks.data import ledger, versions
from m2m_benchmarks.data.digits.blending import blend
from m2m_benchmarks.data.digits.domain import SIZE, Digits, digits, rgb
from m2m_benchmarks.data.digits.domains import DOMAINS, load_digits, write_domain
from m2m_benchmarks.errors import DataError, M2MError, UnknownNameError
from m2m_benchmarks.plugins import registered
from m2m_benchmarks.storage import home, sha256_file

SPLITS = ('train', 'test')
#: What the ledger says of how a split was made.
IMPORTED = 'm2m data import'
FETCHED = 'm2m data fetch'
SYNTHESISED = 'm2m data fetch: synthesised'

_PHOTOS = ('.png', '.jpg', '.jpeg')
#: Of all photos together: they are held in memory, three bytes a pixel.
_MOST_PIXELS = 400_000_000


def import_domain(
    name: str, path: Path, as_split: str | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Import a domain of digits, all or nothing; splits that it has already and that aren't in the files stay.

    Parameters
    ----------
    name : str
        One of the paper's, MNIST, MNISTM, SVHN and USPS, or a name of your own: letters and digits.
    path : Path
        In any of the forms that `digit_files.read_domain` reads.
    as_split : {'train', 'test'}, optional
        The split that all images become, whatever the files say.
    progress : callable, optional
        Called with what is being done, how many are done, and how many there are.

    Returns
    -------
    dict
        The domain's ledger.

    Raises
    ------
    DataError
        When the name isn't one for digits, or the files aren't what they have to be; nothing is written then.
    StorageError
        When it can't be written; what was there is as it was.
    """
    if not _NAME.match(name):
        raise DataError(f'{name!r} cannot be a domain: letters and digits are expected, as in MNISTM.')
    if name in ledger.MADE_HERE:
        raise DataError(f'{name} is made by this library; import digits under a name of their own.')
    if name in registered('data'):
        raise DataError(f'{name} is a dataset of recordings; import digits under a name of their own.')
    report = progress or _silent
    with versions.writing(name):
        _entry(name)
        report(f'reading {path.name}', 0, 1)
        try:
            splits = read_domain(path)
            source = {'made_by': IMPORTED, 'file': path.resolve().name, 'sha256': _sha256(path)}
        except OSError as error:
            raise DataError(f'{path} cannot be read: {error}. Mend its permissions, or copy it again.') from error
        except MemoryError as error:
            raise DataError(f'{path} does not fit into memory; import fewer images.') from error
        report(f'reading {path.name}', 1, 1)
        if as_split is not None:
            splits = {as_split: _joined(list(splits.values()))}
        return write_domain(name, splits, dict.fromkeys(splits, source))


def fetch_digits(
    photos: Path | None = None,
    domains: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Bring the paper's domains of digits to this machine. Splits that are here, undamaged, stay as they are.

    Parameters
    ----------
    photos : Path, optional
        Folder of photos (PNG, JPEG) to synthesise MNISTM with: nobody serves its images for download. Only splits that
        weren't imported are synthesised; where that is both, every other photo serves `test`. Without photos, MNISTM
        is left out.
    domains : sequence of str, optional
        Some of MNIST, MNISTM, SVHN and USPS. Default: all.
    seed : int
        Of the patches of the photos.
    progress : callable, optional
        Called with what is being done, how many are done, and how many there are.

    Returns
    -------
    dict
        Name to ledger, of what was asked for, and of MNIST where MNISTM is made of it.

    Raises
    ------
    UnknownNameError
        For other domains.
    DataError
        When MNISTM is asked for by name without photos, or the photos won't do: nothing is done then. When a domain
        can't be had: the others are there by then.
    """
    for name in domains or ():
        if name not in DOMAINS:
            raise UnknownNameError('domain', name, DOMAINS)
    wanted = [name for name in DOMAINS if name in (domains or DOMAINS)]
    blending = None
    if 'MNISTM' in wanted and _to_synthesise():
        if photos is not None:
            blending = _Photos(photos)
            wanted = [name for name in DOMAINS if name in (*wanted, 'MNIST')]
        elif domains is not None:
            raise DataError(
                'MNISTM cannot be downloaded: it is synthesised from MNIST and photos. Name a folder of photos with '
                '--photos DIR, or import the official images: m2m data import digits-domain MNISTM --from PATH'
            )
    found: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    for name in wanted:
        try:
            with versions.writing(name):
                if name != 'MNISTM':
                    _fetch(name, progress)
                elif blending is not None:
                    _synthesise(blending, seed, progress or _silent)
                entry = _entry(name)
        except M2MError as error:
            failed[name] = str(error)
        else:
            if entry is not None:
                found[name] = entry
    if failed:
        reasons = '\n'.join(f'{name}: {reason}' for name, reason in failed.items())
        here = f' {", ".join(found)} is here.' if found else ''
        raise DataError(f'{", ".join(failed)} could not be fetched.{here}\n{reasons}')
    return found


def _silent(what: str, done: int, total: int) -> None:
    pass


def _entry(name: str) -> dict[str, Any] | None:
    """Ledger of a domain; None when it isn't here."""
    entry = ledger.read(name)
    if entry is not None and entry.get('kind') != ledger.DIGITS:
        raise DataError(f'{name} is the name of recordings on this machine; choose another for the digits.')
    return entry


def _lacking(name: str) -> list[str]:
    """Splits that aren't on this machine or were damaged."""
    entry = _entry(name)
    lacking = []
    for split in SPLITS:
        files = entry['splits'][split]['files'].values() if entry and split in entry['splits'] else None
        if entry is None or files is None or any(ledger.damage(ledger.path_of(name, entry, file), file) for file in files):
            lacking.append(split)
    return lacking


def _joined(parts: Sequence[Digits]) -> Digits:
    """All images as one split; clusters of different parts stay different."""
    grey = all(part.images.shape[3] == 1 for part in parts)
    starts = np.cumsum([0, *(part.clusters.max() + 1 for part in parts)])
    return Digits(
        np.concatenate([part.images if grey else rgb(part.images) for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.clusters + start for part, start in zip(parts, starts, strict=False)]),
    )


def _sha256(path: Path) -> str:
    """Of a file's content, or of the names and contents of all files in a folder."""
    if path.is_file():
        return sha256_file(path)
    return _listed_sha256(path, (file for file in path.rglob('*') if file.is_file()))


def _listed_sha256(folder: Path, files: Iterable[Path]) -> str:
    listed = sorted((file.relative_to(folder).as_posix(), file) for file in files)
    return hashlib.sha256(''.join(f'{name} {sha256_file(file)}\n' for name, file in listed).encode()).hexdigest()


def _fetch(name: str, progress: Progress | None) -> None:
    """Download the splits of a domain that aren't here. Whatever came is kept until all of it is in place."""
    folder = home() / 'downloads' / 'digits' / name
    splits: dict[str, Digits] = {}
    sources: dict[str, Mapping[str, Any]] = {}
    for split in _lacking(name):
        files = _FILES[name](split)
        paths = [download(urls, folder / file, md5, progress) for urls, file, md5 in files]
        splits[split] = _read(name, split, paths)
        sources[split] = {
            'made_by': FETCHED,
            'urls': [urls[0] for urls, _, _ in files],
            'md5': [md5 for _, _, md5 in files],
        }
    if splits:
        write_domain(name, splits, sources)
        shutil.rmtree(folder, ignore_errors=True)


#: Addresses, name and MD5 of each file.
_Files = list[tuple[list[str], str, str]]


def _mnist_files(split: str) -> _Files:
    source = datasets.MNIST
    start = 'train' if split == 'train' else 't10k'
    return [
        ([f'{mirror}{file}' for mirror in source.mirrors], file, md5)
        for file, md5 in source.resources
        if file.startswith(start)
    ]
