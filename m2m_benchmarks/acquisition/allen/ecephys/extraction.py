"""Extraction of single-unit responses to the natural scenes from NWB 2 files of Visual Coding - Neuropixels.

Units, trials and counts are those of AllenSDK's `EcephysSession`, except as `settings.EcephysSettings` documents.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import h5py
import numpy as np
import pandas as pd

from m2m_benchmarks.acquisition.allen import N_SCENES
from m2m_benchmarks.acquisition.allen.ecephys.nwb2 import Failure, Nwb2File, overlap, read_failures
from m2m_benchmarks.acquisition.allen.ecephys.settings import EcephysSettings
from m2m_benchmarks.acquisition.allen.nwb import NwbFile
from m2m_benchmarks.acquisition.pipeline.responses import SessionResponses
from m2m_benchmarks.errors import DataError

_UNITS = 'units'
_ELECTRODES = 'general/extracellular_ephys/electrodes'
_PRESENTATIONS = 'intervals/natural_scenes_presentations'

#: Columns that are the same for all units of a session, and their paths, which some files lack.
_SESSION = {
    'session_type': 'general/stimulus',
    'genotype': 'general/subject/genotype',
    'sex': 'general/subject/sex',
}
#: Columns of a unit's channel, and their names in the file.
_CHANNEL = {
    'probe_vertical_position': 'probe_vertical_position',
    'probe_horizontal_position': 'probe_horizontal_position',
}
#: Coordinates of a unit's channel, and their names in the file. In the published files `z` repeats `y`: it isn't read.
_POSITION = {'anterior_posterior_ccf': 'x', 'dorsal_ventral_ccf': 'y', 'left_right_ccf': None}
#: Columns of the unit (isolation quality, waveform), named as in AllenSDK, and their names in the file.
_METRICS = {name: name for name in ('firing_rate', 'amplitude_cutoff', 'presence_ratio', 'isi_violations', 'snr')}
_METRICS |= {name: name for name in ('isolation_distance', 'l_ratio', 'd_prime', 'nn_hit_rate', 'nn_miss_rate')}
_METRICS |= {name: name for name in ('silhouette_score', 'max_drift', 'cumulative_drift')}
_METRICS |= {name: name for name in ('waveform_duration', 'waveform_halfwidth')}
_METRICS |= {f'waveform_{name}': name for name in ('PT_ratio', 'amplitude', 'spread', 'repolarization_slope')}
_METRICS |= {f'waveform_{name}': name for name in ('recovery_slope', 'velocity_above', 'velocity_below')}


@dataclass(frozen=True)
class _Trials:
    """Presentations of the natural scenes without the blanks, in the order of time.

    Attributes
    ----------
    onset : array, shape (n_trials,)
        Onset in s.
    repetition, scene : int arrays, shape (n_trials,)
    masked : bool array, shape (n_trials,)
        Whether the screen failed.
    n_blank : int
        Number of blank presentations.
    """

    onset: np.ndarray
    repetition: np.ndarray
    scene: np.ndarray
    masked: np.ndarray
    n_blank: int


def extract_ecephys(
    file: h5py.File,
    settings: EcephysSettings,
    channel_areas: Mapping[int, str] | None = None,
    channel_positions: Mapping[int, tuple[float, float, float]] | None = None,
) -> SessionResponses:
    """Extract the firing rates of a session's units in response to the natural scenes.

    Spikes are read for one unit at a time, and only for included units.

    Parameters
    ----------
    file : h5py.File
        Session file, open for reading; `nwb.open_nwb` opens one, and so does h5py with a `net.remote_file.RemoteFile`.
    settings : EcephysSettings
    channel_areas : mapping, optional
        Channel id to structure, used in place of those in the file. Units whose peak channel isn't listed are left out,
        as AllenSDK does. Without it, the structures in the file are used.
    channel_positions : mapping, optional
        Channel id to its coordinates in µm, as in `AllenSession`. Channels not listed use the first two in the file,
        and have no third one.

    Returns
    -------
    SessionResponses
        Spikes/s. NaN where a scene was shown less often than others (`n_missing` of its repetitions), where the screen
        failed (`n_masked` trials, which AllenSDK leaves out), and where the unit's probe failed (`n_lost` responses,
        for which AllenSDK counts zero spikes). The `n_blank` presentations of grey are left out. Of the `n_units` of
        the file, `n_unlisted` have a peak channel that `channel_areas` lacks, `n_elsewhere` are outside the areas (of
        which `n_good_elsewhere` are valid and pass the filters), `n_invalid` are not valid, and `n_filtered` fail a
        filter;
        `n_unmeasured` valid units of the areas lack a metric that a filter needs.

    Raises
    ------
    DataError
        When the file isn't a session with natural scenes, is cut short or damaged, or no unit passes the filters.
    """
    nwb = Nwb2File(file)
    failures = read_failures(nwb)
    trials = _read_trials(nwb, failures)
    units, counts = _read_units(nwb, settings, channel_areas or {}, channel_positions or {})
    start_s, end_s = (edge / 1000 for edge in settings.window_ms)
    start, end = trials.onset + start_s, trials.onset + end_s
    lost = {probe: overlap(start, end, failures, {'all_probes', probe}) for probe in units['probe'].unique()}
    n_repetitions = int(trials.repetition.max()) + 1
    responses = np.full((n_repetitions, N_SCENES, len(units)), np.nan, dtype=np.float32)
    n_lost = 0
    for column, spikes in enumerate(_spikes(nwb, units.index.to_numpy())):
        n_spikes = np.searchsorted(spikes, end, side='right') - np.searchsorted(spikes, start, side='left')
        missing = lost[units['probe'].iloc[column]] & ~trials.masked
        rates = np.where(trials.masked | missing, np.nan, n_spikes / (end_s - start_s))
        responses[trials.repetition, trials.scene, column] = rates
        n_lost += int(missing.sum())
    return SessionResponses(
        session=nwb.text('identifier'),
        responses=responses,
        neuroids=units.reset_index(drop=True),
        window_ms=settings.window_ms,
        counts={
            **counts,
            'n_blank': trials.n_blank,
            'n_missing': n_repetitions * N_SCENES - len(trials.onset),
            'n_masked': int(trials.masked.sum()),
            'n_lost': n_lost,
        },
        images_sha256=[],
    )


def _read_trials(nwb: NwbFile, failures: list[Failure]) -> _Trials:
    if not nwb.has(_PRESENTATIONS):
        if nwb.has(_UNITS) and nwb.has('general/stimulus'):
            raise DataError(
                f'{nwb.name} is a session of type {nwb.text("general/stimulus")}, which shows no natural scenes; '
                'expected one of type brain_observatory_1.1.'
            )
        raise DataError(
            f'{nwb.name} has no {_PRESENTATIONS}: it is not a session of Visual Coding - Neuropixels with natural '
            'scenes, or it is damaged.'
        )
    frame = nwb.array(f'{_PRESENTATIONS}/frame', (None,))
    begin = nwb.array(f'{_PRESENTATIONS}/start_time', (len(frame),)).astype(float)
    end = nwb.array(f'{_PRESENTATIONS}/stop_time', (len(frame),)).astype(float)
    end = np.where(np.isnan(end), begin, end)  # used only to find the trials in which the screen failed
    if not (np.isfinite(frame).all() and np.isfinite(begin).all() and (end >= begin).all()):
        raise DataError(f'{nwb.name}: the table of natural scenes is damaged; fetch it again.')
    unknown = frame[~np.isin(frame, np.arange(-1, N_SCENES))]
    if len(unknown):
        raise DataError(
            f'{nwb.name} shows an image of number {unknown[0]:g}; expected the {N_SCENES} natural scenes, numbered 0 '
            f'to {N_SCENES - 1}, and -1 for blanks.'
        )
    shown = np.unique(frame[frame >= 0])
    if len(shown) != N_SCENES:
        raise DataError(f'{nwb.name} shows {len(shown)} different images; expected the {N_SCENES} natural scenes.')
    order = np.argsort(begin, kind='stable')
    order = order[frame[order] >= 0]
    scene = frame[order].astype(int)
    return _Trials(
        onset=begin[order],
        repetition=pd.Series(scene).groupby(scene).cumcount().to_numpy(),
        scene=scene,
        masked=overlap(begin[order], end[order], failures, {'stimulus'}),
        n_blank=int((frame < 0).sum()),
    )


def _read_units(
    nwb: Nwb2File,
    settings: EcephysSettings,
    channel_areas: Mapping[int, str],
    positions: Mapping[int, tuple[float, float, float]],
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read the units that pass the filters, indexed by their rows in the file, and the numbers of excluded units."""
    ids = _unique(nwb, f'{_UNITS}/id')
    channel_ids = _unique(nwb, f'{_ELECTRODES}/id')
    structure = 'location' if nwb.has(f'{_ELECTRODES}/location') else 'ecephys_structure_acronym'
    named = zip(channel_ids.tolist(), nwb.texts(f'{_ELECTRODES}/{structure}', len(channel_ids)), strict=True)
    # Parts of a structure (LGd-sh) count as the structure, as in the SDK.
    structures = pd.Series([channel_areas.get(channel, name).split('-')[0] for channel, name in named])
    peak_ids = nwb.array(f'{_UNITS}/peak_channel_id', ids.shape)
    channel = pd.Index(channel_ids).get_indexer(peak_ids)
    region = np.where(channel >= 0, structures.to_numpy()[channel], '')
    listed = np.isin(peak_ids, list(channel_areas)) if channel_areas else np.ones(len(ids), dtype=bool)
    in_areas = listed & np.isin(region, settings.areas)
    elsewhere = listed & ~in_areas
    valid = np.ones(len(ids), dtype=bool)
    if settings.only_valid and nwb.has(f'{_UNITS}/quality'):
        valid &= nwb.texts(f'{_UNITS}/quality', len(ids)) == 'good'
    if settings.only_valid and nwb.has(f'{_ELECTRODES}/valid_data'):
        valid &= nwb.flags(f'{_ELECTRODES}/valid_data', len(channel_ids))[channel]
    good, measured = _passes_filters(nwb, len(ids), settings)
    included = in_areas & valid & good
    counts = {
        'n_units': len(ids),
        'n_unlisted': int((~listed).sum()),
        'n_elsewhere': int(elsewhere.sum()),
        'n_good_elsewhere': int((elsewhere & valid & good).sum()),
        'n_invalid': int((in_areas & ~valid).sum()),
        'n_filtered': int((in_areas & valid & ~good).sum()),
        'n_unmeasured': int((in_areas & valid & ~measured).sum()),
    }
    if not included.any():
        raise DataError(
            f'{nwb.name}: none of its {len(ids)} units can be used: {counts["n_unlisted"]} are on '
            f'channels that the catalogue lacks, {counts["n_elsewhere"]} are not in {", ".join(settings.areas)}, '
            f'{counts["n_invalid"]} are not valid, {counts["n_filtered"]} fail the quality filters '
            f'({counts["n_unmeasured"]} lack a quality metric).'
        )
    columns: dict[str, object] = {
        'neuroid_id': ids.astype(str),
        'region': region,
        'animal': nwb.text('general/subject/subject_id'),
        'session': nwb.text('identifier'),
        **{name: nwb.text(path) for name, path in _SESSION.items() if nwb.has(path)},
        'probe': nwb.texts(f'{_ELECTRODES}/group_name', len(channel_ids))[channel],
        'peak_channel_id': peak_ids,
    }
    for name, column in _CHANNEL.items():
        if nwb.has(f'{_ELECTRODES}/{column}'):
            columns[name] = nwb.array(f'{_ELECTRODES}/{column}', channel_ids.shape)[channel]
    for axis, (name, stored) in enumerate(_POSITION.items()):
        in_file = stored is not None and nwb.has(f'{_ELECTRODES}/{stored}')
        if not in_file and not positions:
            continue
        values = nwb.array(f'{_ELECTRODES}/{stored}', channel_ids.shape) if in_file else [np.nan] * len(channel_ids)
        known = [
            positions[id_][axis] if id_ in positions else value
            for id_, value in zip(channel_ids.tolist(), values, strict=True)
        ]
        columns[name] = np.array(known, dtype=float)[channel]
    for name, column in _METRICS.items():
        if nwb.has(f'{_UNITS}/{column}'):
            columns[name] = nwb.array(f'{_UNITS}/{column}', ids.shape)
    return pd.DataFrame(columns)[included], counts


def _unique(nwb: NwbFile, path: str) -> np.ndarray:
    ids = nwb.array(path, (None,))
    if not len(ids) or len(np.unique(ids)) != len(ids):
        raise DataError(
            f'{nwb.name}: {path} holds {len(ids)} ids, {len(np.unique(ids))} of them different; fetch it again.'
        )
    return ids


def _passes_filters(nwb: NwbFile, n_units: int, settings: EcephysSettings) -> tuple[np.ndarray, np.ndarray]:
    """Mark the units that pass the quality filters, and those whose metrics for them were all computed."""
    good, measured = np.ones(n_units, dtype=bool), np.ones(n_units, dtype=bool)
    for name, limit, sign in (
        ('amplitude_cutoff', settings.amplitude_cutoff, 1),
        ('presence_ratio', settings.presence_ratio, -1),
        ('isi_violations', settings.isi_violations, 1),
    ):
        if limit is not None:
            values = nwb.array(f'{_UNITS}/{name}', (n_units,))
            missing = np.isnan(values)
            good &= (sign * values <= sign * limit) | (missing & settings.missing_metrics)
            measured &= ~missing
    return good, measured


def _spikes(nwb: Nwb2File, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the spike times in s of each unit in `rows`."""
    times = nwb.dataset(f'{_UNITS}/spike_times', (None,))
    stops = nwb.array(f'{_UNITS}/spike_times_index', (None,)).astype(int)
    bounds = np.append(0, stops)
    if rows.max() >= len(stops) or (np.diff(bounds) < 0).any() or bounds[-1] > times.shape[0]:
        raise DataError(f'{nwb.name}: the index of its spike times is damaged; fetch it again.')
    for row in rows:
        spikes = nwb.part(times, bounds[row], bounds[row + 1]).astype(float, copy=False)
        if not np.isfinite(spikes).all():
            raise DataError(f'{nwb.name}: spike times of a unit are not numbers; fetch it again.')
        yield np.sort(spikes)
