"""Array bundles, the format in which `m2m data import` reads recordings."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

#: File, area, animal, session and number of trials: two areas, two animals, one shorter session.
SESSIONS = (
    ('VISp_1.npz', 'VISp', '101', '901', 10),
    ('VISp_2.npz', 'VISp', '102', '902', 8),
    ('VISal_1.npz', 'VISal', '101', '901', 10),
)


@dataclass(frozen=True)
class Bundle:
    """Paths of a bundle, and its spike counts by file, each of shape (trials, images, units)."""

    folder: Path
    counts: dict[str, np.ndarray]

    @property
    def sessions(self) -> Path:
        """Path of the table of sessions."""
        return self.folder / 'sessions.csv'

    @property
    def units(self) -> Path:
        """Path of the table of units."""
        return self.folder / 'units.csv'

    @property
    def stimuli(self) -> Path:
        """Path of the folder of images."""
        return self.folder / 'stimuli'

    @property
    def paths(self) -> tuple[Path, Path, Path]:
        """Arguments of `import_bundle` after the name."""
        return self.sessions, self.units, self.stimuli

    @property
    def options(self) -> list[str]:
        """Arguments of `m2m data import NAME`."""
        return ['--sessions', str(self.sessions), '--units', str(self.units), '--stimuli', str(self.stimuli)]


def write_bundle(
    folder: str | Path,
    n_images: int = 8,
    n_units: int = 5,
    sessions: Iterable[tuple[str, str, str, str, int]] = SESSIONS,
    window_s: tuple[float, float] = (0.05, 0.25),
    seed: int = 0,
) -> Bundle:
    """Write a valid bundle of spike counts.

    Parameters
    ----------
    folder : path
        Folder of the bundle; created if it does not exist.
    n_images : int
        Number of images.
    n_units : int
        Number of units of each session. The last one of the first session never fires.
    sessions : iterable of tuple
        File, area, animal, session and number of trials of each recording.
    window_s : tuple of float
        Start and end of the window in which spikes are counted, in seconds after an image's onset.
    seed : int
        Random seed for images and spikes.

    Returns
    -------
    Bundle
        Paths and spike counts.
    """
    folder = Path(folder)
    (folder / 'stimuli').mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for i in range(n_images):
        pixels = rng.integers(0, 256, (32, 32), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / 'stimuli' / f'image_{i:0{max(3, len(str(n_images - 1)))}d}.png')
    counts, session_rows, unit_rows = {}, [], []
    for number, (file, area, animal, session, n_trials) in enumerate(sessions):
        # High rates and strong tuning, so that nearly all cells are reliable.
        expected = rng.gamma(1.0, 8.0, (n_images, n_units))
        if number == 0:
            expected[:, -1] = 0
        counts[file] = rng.poisson(expected, (n_trials, n_images, n_units)).astype(np.uint8)
        ids = 1000 * (number + 1) + np.arange(n_units)
        np.savez_compressed(folder / file, spike_counts=counts[file], unit_id=ids)
        session_rows.append([file, area, animal, session, 'wt/wt', n_trials, n_images, n_units, *window_s])
        for column, unit in enumerate(ids):
            unit_rows.append([file, column, unit, area, animal, session, column % 3, 100.5 + column])
    _write(
        folder / 'sessions.csv',
        'file area specimen_id session_id genotype n_trials n_images n_units window_start_s window_end_s',
        session_rows,
    )
    _write(
        folder / 'units.csv',
        'file column unit_id area specimen_id session_id cortical_layer cortical_depth',
        unit_rows,
    )
    return Bundle(folder, counts)


def _write(path: Path, header: str, rows: Iterable[Sequence[object]]) -> None:
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(header.split())
        writer.writerows(rows)
