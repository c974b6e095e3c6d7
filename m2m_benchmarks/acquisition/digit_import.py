"""From files of digits, here or on their authors' servers, to domains in the data folder."""

import contextlib
import hashlib
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from m2m_benchmarks.acquisition.digit_files import read_domain
from m2m_benchmarks.data import manifest, versions
from m2m_benchmarks.data.digit_names import DOMAINS
from m2m_benchmarks.data.digits.blending import blend
from m2m_benchmarks.data.digits.domain import SIZE, Digits, digits, rgb
from m2m_benchmarks.data.digits.domains import damaged, load_digits, write_domain
from m2m_benchmarks.data.names import is_dataset_name
from m2m_benchmarks.errors import DataError, M2MError, UnknownNameError
from m2m_benchmarks.net.download import download
from m2m_benchmarks.plugins import registered
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.storage import home, sha256_file

SPLITS = ('train', 'test')
#: What the manifest says of how a split was made.
IMPORTED = 'm2m data import'
FETCHED = 'm2m data fetch'
SYNTHESISED = 'm2m data fetch: synthesised'

_SUFFIXES = ('.png', '.jpg', '.jpeg')
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
        The domain's manifest.

    Raises
    ------
    DataError
        When the name isn't one for digits or the files aren't what they have to be; nothing is written then.
    StorageError
        When it can't be written; what was there is as it was.
    """
    if as_split not in (None, *SPLITS):
        raise DataError(f'{as_split!r} is no split of a domain; expected train or test.')
    if not is_dataset_name(name):
        raise DataError(f'{name!r} cannot be a domain: letters and digits are expected, as in MNISTM.')
    if name in manifest.MADE_HERE:
        raise DataError(f'{name} is made by this library; import digits under a name of their own.')
    if name in registered('data'):
        raise DataError(f'{name} is a dataset of recordings; import digits under a name of their own.')
    report = progress or silent
    with versions.writing(name):
        _entry(name)  # raises for the name of recordings, before anything is read
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
        Name to manifest, of what was asked for, and of MNIST where MNISTM is made of it.

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
            blending = _photos(photos)
            wanted = [name for name in DOMAINS if name in (*wanted, 'MNIST')]
        elif domains is None:
            wanted.remove('MNISTM')
        else:
            raise DataError(
                'MNISTM cannot be downloaded: it is synthesised from MNIST and photos. Name a folder of photos with '
                '--photos DIR, or import the official images: m2m data import digits-domain MNISTM --from PATH'
            )
    entries: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    for name in wanted:
        try:
            with versions.writing(name):
                if name == 'MNISTM':
                    _synthesise(blending, seed, progress or silent)
                else:
                    _fetch(name, progress)
            entries[name] = manifest.require(name)
        except M2MError as error:
            failed[name] = str(error)
    if failed:
        reasons = '\n'.join(f'{name}: {reason}' for name, reason in failed.items())
        here = f'; on this machine by now: {", ".join(entries)}' if entries else ''
        raise DataError(
            f'not fetched: {", ".join(failed)}{here}.\n{reasons}\nFiles that you have from elsewhere are imported by: '
            'm2m data import digits-domain NAME --from PATH'
        )
    return entries


def _entry(name: str) -> dict[str, Any] | None:
    """Manifest of a domain; None when it isn't here."""
    try:
        entry = manifest.read(name)
    except DataError:
        return None  # nobody can read what it names
    if entry is not None and entry.get('kind') != manifest.DIGITS:
        raise DataError(f'{name} is the name of recordings on this machine; choose another for the digits.')
    return entry


def _lacking(name: str) -> list[str]:
    """Splits that aren't on this machine or were damaged."""
    entry = _entry(name)
    if entry is None:
        return list(SPLITS)
    return [split for split in SPLITS if split not in entry['splits'] or damaged(name, entry, split)]


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
    """Download the splits of a domain that aren't here. What has come is kept until all of it is in place."""
    folder = home() / 'downloads' / 'digits' / name
    splits: dict[str, Digits] = {}
    sources: dict[str, dict[str, Any]] = {}
    for split in _lacking(name):
        files = _files(name, split)
        paths = [download(urls, folder / file, md5, progress) for urls, file, md5 in files]
        splits[split] = _downloaded(name, split, paths[0])
        sources[split] = {
            'made_by': FETCHED,
            'urls': [urls[0] for urls, _, _ in files],
            'md5': [md5 for _, _, md5 in files],
        }
    if splits:
        write_domain(name, splits, sources)
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # another domain's may still be there
        folder.parent.rmdir()
        folder.parent.parent.rmdir()


def _files(name: str, split: str) -> list[tuple[list[str], str, str]]:
    """Addresses, name and MD5 of each file of a split, as torchvision has them."""
    from torchvision import datasets  # takes seconds to import

    if name == 'MNIST':
        start = 'train' if split == 'train' else 't10k'
        resources = [(file, md5) for file, md5 in datasets.MNIST.resources if file.startswith(start)]
        return [([mirror + file for mirror in datasets.MNIST.mirrors], file, md5) for file, md5 in resources]
    url, file, md5 = {'SVHN': datasets.SVHN, 'USPS': datasets.USPS}[name].split_list[split]
    return [([url], file, md5)]


def _downloaded(name: str, split: str, path: Path) -> Digits:
    if name == 'USPS':
        from torchvision import datasets

        usps = datasets.USPS(path.parent, train=split == 'train')
        return digits(usps.data, np.array(usps.targets), None, str(path))
    return read_domain(path)[split]


@dataclass(frozen=True)
class _Photos:
    folder: Path
    files: list[Path]
    images: list[np.ndarray]


def _photos(folder: Path) -> _Photos:
    """All photos of a folder, sorted by name."""
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
    except OSError as error:
        raise DataError(f'{folder} is no folder of photos: {error.strerror}. Name one after --photos.') from error
    if len(files) < 2:
        raise DataError(f'{folder} holds {len(files)} photos; expected at least 2, as PNG or JPEG.')
    images: list[np.ndarray] = []
    pixels = 0
    for file in files:
        try:
            with Image.open(file) as image:
                if min(image.size) < SIZE:
                    raise DataError(
                        f'{file} has {image.width} x {image.height} pixels; expected at least {SIZE} x {SIZE}. Take it '
                        'out of the folder.'
                    )
                pixels += image.width * image.height
                if pixels > _MOST_PIXELS:
                    raise DataError(
                        f'the photos up to {file} have {pixels:,} pixels; expected at most {_MOST_PIXELS:,} in all. '
                        'Take fewer or smaller ones.'
                    )
                images.append(np.asarray(image.convert('RGB')))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise DataError(f'{file} is not a photo that can be read: {error}. Take it out of the folder.') from error
    return _Photos(folder, files, images)


def _to_synthesise() -> list[str]:
    """Splits of MNISTM to make: all that weren't imported, when one of these isn't here or was damaged."""
    entry = _entry('MNISTM')
    imported = [
        split for split, parts in (entry['splits'].items() if entry else ()) if parts['source']['made_by'] == IMPORTED
    ]
    made = [split for split in SPLITS if split not in imported]
    return made if set(made) & set(_lacking('MNISTM')) else []


def _synthesise(photos: _Photos | None, seed: int, report: Progress) -> None:
    made = _to_synthesise()
    harmed = [split for split in _lacking('MNISTM') if split not in made]
    if harmed:
        raise DataError(
            f'its {harmed[0]} split was imported and is damaged. Import it again: m2m data import digits-domain MNISTM '
            '--from PATH'
        )
    if photos is None or not made:
        return
    splits: dict[str, Digits] = {}
    sources: dict[str, dict[str, Any]] = {}
    for place, split in enumerate(made):
        report('MNISTM, synthesised splits', place, len(made))
        share = slice(place, None, len(made))
        splits[split] = blend(load_digits('MNIST', split), photos.images[share], seed)
        sources[split] = {
            'made_by': SYNTHESISED,
            'seed': seed,
            'photos': len(photos.files[share]),
            'photos_sha256': _listed_sha256(photos.folder, photos.files[share]),
        }
    write_domain('MNISTM', splits, sources)
    report('MNISTM, synthesised splits', len(made), len(made))
