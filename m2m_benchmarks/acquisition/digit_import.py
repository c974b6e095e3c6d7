"""Import of digit domains from local files, and their download from the authors' servers."""

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from m2m_benchmarks import limits
from m2m_benchmarks.acquisition import images
from m2m_benchmarks.acquisition.digit_files import read_domain
from m2m_benchmarks.data import atomic, manifest
from m2m_benchmarks.data.cards import refuse_other_case
from m2m_benchmarks.data.digit_names import DOMAINS, SPLITS, spelled
from m2m_benchmarks.data.digits.blending import blend
from m2m_benchmarks.data.digits.domains import damaged, load_digits, write_domain
from m2m_benchmarks.data.digits.images import SIZE, Digits, rgb
from m2m_benchmarks.data.made_here import MADE_HERE
from m2m_benchmarks.data.names import DATASET_RULE, is_dataset_name
from m2m_benchmarks.errors import DataError, M2MError, UnknownNameError
from m2m_benchmarks.net.download import download
from m2m_benchmarks.plugins import registered
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.storage import home, sha256_file

#: Values of `made_by` in the manifest: how a split was made.
IMPORTED = 'm2m data import'
FETCHED = 'm2m data fetch'
SYNTHESISED = 'm2m data fetch: synthesised'

_SUFFIXES = ('.png', '.jpg', '.jpeg')
#: Most pixels of all photos together: they are held in memory, three bytes a pixel.
_MOST_PIXELS = 400_000_000


def import_domain(
    name: str,
    path: Path,
    as_split: str | None = None,
    progress: Progress | None = None,
    background: images.Colour = images.WHITE,
    note: Callable[[str], object] = lambda text: None,
    replace: bool = False,
) -> dict[str, Any]:
    """Import a domain of digits, all or nothing; other splits of the domain are kept.

    Parameters
    ----------
    name : str
        One of the paper's domains (`digit_names.DOMAINS`), in any spelling, such as mnist-m, or any other name of
        letters and digits.
    path : Path
        File or folder in a format that `digit_files.read_domain` reads.
    as_split : {'train', 'test'}, optional
        Split that all images become, regardless of the names in the files.
    progress : callable, optional
        Called with the name of the step, the number done, and the total.
    background : tuple of int
        Colour (red, green, blue) behind transparent images.
    note : callable
        Called with a sentence for each rule by which images were read, such as that for more than 8 bits.
    replace : bool
        Whether other digits of the same name and split may be replaced.

    Returns
    -------
    dict
        The domain's manifest.

    Raises
    ------
    DataError
        When the name can't be that of digits, a split holds other digits, or the files are wrong; nothing is written
        then.
    StorageError
        When the domain can't be written; an earlier version is unchanged.
    """
    if as_split not in (None, *SPLITS):
        raise DataError(f'{as_split!r} is not a split of a domain; expected train or test.')
    paper_name = spelled(name, DOMAINS) or name
    if paper_name != name:
        note(f"{name} is {paper_name}, in this library's spelling.")
        name = paper_name
    if not is_dataset_name(name):
        raise DataError(f'{name!r} cannot be the name of a domain; expected {DATASET_RULE}, as in MNISTM.')
    if name in MADE_HERE:
        raise DataError(f'{name} is made by this library; import digits under another name.')
    if name in registered('data'):
        raise DataError(f'{name} is a dataset of recordings; import digits under another name.')
    refuse_other_case(name)
    report = progress or silent
    with atomic.write_lock(name):
        manifest.refuse_other_kind(name, manifest.DIGITS)  # before anything is read
        report(f'reading {path.name}', 0, 1)
        try:
            splits = read_domain(path, background, note, as_split)
            source = {'made_by': IMPORTED, 'file': path.resolve().name, 'sha256': _sha256(path)}
        except OSError as error:
            raise DataError(f'{path} cannot be read: {error}. Fix its permissions, or copy it again.') from error
        except MemoryError as error:
            raise DataError(f'{path} does not fit into memory; import fewer images.') from error
        report(f'reading {path.name}', 1, 1)
        if as_split is not None:
            splits = {as_split: _join(list(splits.values()))}
        if not replace:
            _check_replaces_nothing(name, splits)
        return write_domain(name, splits, dict.fromkeys(splits, source))


def fetch_digits(
    photos: Path | None = None,
    domains: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    note: Callable[[str], object] = lambda text: None,
) -> dict[str, dict[str, Any]]:
    """Download or synthesise the paper's domains of digits; undamaged splits on this machine are kept.

    Parameters
    ----------
    photos : Path, optional
        Folder of photos (PNG, JPEG) for synthesising MNISTM, which cannot be downloaded. Only splits that weren't
        imported are synthesised; if both are, every other photo is used for `test`. Without photos, MNISTM is left
        out.
    domains : sequence of str, optional
        Some of `digit_names.DOMAINS`. Default: all.
    seed : int
        Random seed for the photo patches.
    progress : callable, optional
        Called with the name of the step, the number done, and the total.
    note : callable
        Called with a sentence for each rule by which photos were read, such as that for more than 8 bits.

    Returns
    -------
    dict
        Name to manifest for each domain, and for MNIST if MNISTM is made from it.

    Raises
    ------
    UnknownNameError
        When a domain is unknown.
    DataError
        When `domains` names MNISTM but there are no photos or wrong ones; nothing is done then. When a domain can't be
        fetched; the others are written.
    """
    for name in domains or ():
        if name not in DOMAINS:
            raise UnknownNameError('domain', name, DOMAINS)
    wanted = [name for name in DOMAINS if name in (domains or DOMAINS)]
    origins = {name: DOMAINS[name].blended_from for name in wanted}
    to_blend = {name: origin for name, origin in origins.items() if origin is not None and _to_synthesise(name)}
    blending = None
    if to_blend and photos is not None:
        blending = _read_photos(photos, note)
        wanted = [name for name in DOMAINS if name in (*wanted, *to_blend.values())]
    elif to_blend and domains is not None:
        name, origin = next(iter(to_blend.items()))
        raise DataError(
            f'{name} cannot be downloaded: it is synthesised from {origin} and photos. Name a folder of photos with '
            f'--photos DIR, or import the official images: m2m data import digits-domain {name} --from PATH'
        )
    else:
        wanted = [name for name in wanted if name not in to_blend]
    entries: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    for name in wanted:
        try:
            with atomic.write_lock(name):
                blended_from = DOMAINS[name].blended_from
                if blended_from is None:
                    _fetch(name, progress)
                else:
                    _synthesise(name, blended_from, blending, seed, progress or silent)
            entries[name] = manifest.require(name)
        except M2MError as error:
            failed[name] = str(error)
    if failed:
        reasons = '\n'.join(f'{name}: {reason}' for name, reason in failed.items())
        here = f'; already on this machine: {", ".join(entries)}' if entries else ''
        raise DataError(
            f'not fetched: {", ".join(failed)}{here}.\n{reasons}\nIf you have the files from elsewhere, import them: '
            'm2m data import digits-domain NAME --from PATH'
        )
    return entries


def _entry(name: str) -> dict[str, Any] | None:
    """Read the manifest of a domain; None if there is none, or it can't be read."""
    manifest.refuse_other_kind(name, manifest.DIGITS)
    try:
        return manifest.read(name)
    except DataError:
        return None


def _check_replaces_nothing(name: str, splits: Mapping[str, Digits]) -> None:
    """Check that no split of the domain holds other digits."""
    entry = _entry(name)
    if entry is None:
        return
    for split in sorted(set(splits) & set(entry['splits'])):
        if damaged(name, entry, split):
            continue
        before, made_by = load_digits(name, split), entry['splits'][split]['source']['made_by']
        if not _equal(before, splits[split]):
            raise DataError(
                f'the {split} split of {name} is on this machine already: {len(before):,} images '
                f'({made_by}, {entry["created"]}). Import under another name, or replace it with --replace '
                '(replace=True in Python).'
            )


def _equal(first: Digits, second: Digits) -> bool:
    return all(np.array_equal(getattr(first, field.name), getattr(second, field.name)) for field in fields(Digits))


def _missing_splits(name: str) -> list[str]:
    """List the splits that aren't on this machine or are damaged."""
    entry = _entry(name)
    if entry is None:
        return list(SPLITS)
    return [split for split in SPLITS if split not in entry['splits'] or damaged(name, entry, split)]


def _join(parts: Sequence[Digits]) -> Digits:
    """Join images into one split; clusters of different parts stay different."""
    grey = all(part.images.shape[3] == 1 for part in parts)
    starts = np.cumsum([0, *(part.clusters.max() + 1 for part in parts)])
    return Digits(
        np.concatenate([part.images if grey else rgb(part.images) for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.clusters + start for part, start in zip(parts, starts, strict=False)]),
    )


def _sha256(path: Path) -> str:
    """SHA-256 of a file's content, or of the names and contents of all files in a folder."""
    if path.is_file():
        return sha256_file(path)
    return _listed_sha256(path, (limits.require_file(file, path) for file in path.rglob('*') if file.is_file()))


def _listed_sha256(folder: Path, files: Iterable[Path]) -> str:
    listed = sorted((file.relative_to(folder).as_posix(), file) for file in files)
    return hashlib.sha256(''.join(f'{name} {sha256_file(file)}\n' for name, file in listed).encode()).hexdigest()


def _fetch(name: str, progress: Progress | None) -> None:
    """Download the missing splits of a domain; downloaded files are kept until all splits are written."""
    folder = home() / 'downloads' / 'digits' / name
    splits: dict[str, Digits] = {}
    sources: dict[str, dict[str, Any]] = {}
    for split in _missing_splits(name):
        files = _files(name, split)
        paths = [download(urls, folder / file, md5, progress) for urls, file, md5 in files]
        splits[split] = read_domain(paths[0])[split]
        sources[split] = {
            'made_by': FETCHED,
            'urls': [urls[0] for urls, _, _ in files],
            'md5': [md5 for _, _, md5 in files],
        }
    if splits:
        write_domain(name, splits, sources)
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # not if they hold downloads of another domain
        folder.parent.rmdir()
        folder.parent.parent.rmdir()


def _files(name: str, split: str) -> list[tuple[list[str], str, str]]:
    """List the addresses, name and MD5 of each file of a split, which are those of torchvision."""
    from torchvision import datasets  # takes seconds to import

    dataset = getattr(datasets, name)
    if hasattr(dataset, 'split_list'):
        url, file, md5 = dataset.split_list[split]
        return [([url], file, md5)]
    start = 'train' if split == 'train' else 't10k'  # images and labels in files of their own, on several mirrors
    resources = [(file, md5) for file, md5 in dataset.resources if file.startswith(start)]
    return [([mirror + file for mirror in dataset.mirrors], file, md5) for file, md5 in resources]


@dataclass(frozen=True)
class _Photos:
    folder: Path
    files: list[Path]
    images: list[np.ndarray]


def _read_photos(folder: Path, note: Callable[[str], object]) -> _Photos:
    """Read all photos of a folder, sorted by name."""
    try:
        files = sorted(
            file
            for file in folder.iterdir()
            if file.suffix.lower() in _SUFFIXES and not images.is_helper_file(file.name)
        )
    except OSError as error:
        raise DataError(f'{folder} is not a folder of photos: {error.strerror}. Give one with --photos DIR.') from error
    others = [file.name for file in folder.iterdir() if file.suffix.lower() in set(images.SUFFIXES) - set(_SUFFIXES)]
    if others:
        note(f'{folder.name}: {len(others):,} images, such as {min(others)}, are neither PNG nor JPEG and not used.')
    if len(files) < 2:
        raise DataError(f'{folder} holds {len(files)} photos; expected at least 2, as PNG or JPEG.')
    pictures: list[images.Picture] = []
    n_pixels = 0
    for file in files:
        picture = images.decode_file(file)
        height, width = picture.values.shape[:2]
        if min(height, width) < SIZE:
            raise DataError(
                f'{file} has {width} x {height} pixels; expected at least {SIZE} x {SIZE}. Remove it from the folder.'
            )
        n_pixels += height * width
        if n_pixels > _MOST_PIXELS:
            raise DataError(
                f'the photos up to {file} have {n_pixels:,} pixels; expected at most {_MOST_PIXELS:,} in all. Use '
                'fewer or smaller ones.'
            )
        pictures.append(picture)
    photos, notes = images.to_eight_bit(pictures, folder.name)
    for text in notes:
        note(text)
    return _Photos(folder, files, [rgb(photo if photo.ndim == 3 else photo[..., None]) for photo in photos])


def _to_synthesise(name: str) -> list[str]:
    """List the splits of a domain to make: all that weren't imported, if one of these is missing or damaged."""
    entry = _entry(name)
    imported = [
        split for split, parts in (entry['splits'].items() if entry else ()) if parts['source']['made_by'] == IMPORTED
    ]
    synthetic = [split for split in SPLITS if split not in imported]
    return synthetic if set(synthetic) & set(_missing_splits(name)) else []


def _synthesise(name: str, blended_from: str, photos: _Photos | None, seed: int, report: Progress) -> None:
    splits_to_make = _to_synthesise(name)
    damaged_imports = [split for split in _missing_splits(name) if split not in splits_to_make]
    if damaged_imports:
        raise DataError(
            f'its {damaged_imports[0]} split was imported and is damaged. Import it again: m2m data import '
            f'digits-domain {name} --from PATH'
        )
    if photos is None or not splits_to_make:
        return
    splits: dict[str, Digits] = {}
    sources: dict[str, dict[str, Any]] = {}
    for i, split in enumerate(splits_to_make):
        report(f'{name}, synthesised splits', i, len(splits_to_make))
        share = slice(i, None, len(splits_to_make))
        splits[split] = blend(load_digits(blended_from, split), photos.images[share], seed)
        sources[split] = {
            'made_by': SYNTHESISED,
            'seed': seed,
            'photos': len(photos.files[share]),
            'photos_sha256': _listed_sha256(photos.folder, photos.files[share]),
        }
    write_domain(name, splits, sources)
    report(f'{name}, synthesised splits', len(splits_to_make), len(splits_to_make))
