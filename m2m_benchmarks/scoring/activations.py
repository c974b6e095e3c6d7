"""Responses of a model's layers to a stimulus set, computed once.

The stored form depends on the comparison (`comparisons.base.FeatureForm`): a rotation of a layer's responses
(`arrays.gram_reduce`), which keeps all that most comparisons use in some hundred kilobytes, or a sample of its units.
All units of a layer, for comparisons of maps, are computed each time: they may take gigabytes.

Stored responses are used under two conditions. Their key, which is made of hashes of all that determines them (weights,
source, preprocessed images, stimuli, versions of the libraries), is that of the network. And the network answers a few
images, two of the stimuli among them, as it did then (`probes`): source doesn't show, for example, a function that the
network holds. Neither names nor responses are part of the key: a changed model under an old name has another one, and
machines whose kernels round differently have the same.
"""

import contextlib
import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.arrays import gram_reduce
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm
from m2m_benchmarks.errors import DataError, ModelError, StorageError, UnknownNameError
from m2m_benchmarks.messages import say
from m2m_benchmarks.plugins import reporting_plugin_errors
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.scoring import activation_store, brainscore_adapter
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.layers import input_dtype, responses, submodules
from m2m_benchmarks.scoring.probes import Probe, deviation, tolerance
from m2m_benchmarks.scoring.provenance import code_of_network, machine, preprocess_probe
from m2m_benchmarks.scoring.requests import check_library, library, versions
from m2m_benchmarks.storage import (
    FilesState,
    ensure_writable,
    files_state,
    free_bytes,
    reporting_write_errors,
    sha256_file,
)

#: Most bytes that the responses of one batch take, all layers together.
_BATCH_BYTES = 512 * 2**20
_MOST_IMAGES = 32
#: Random seed of networks that draw random numbers.
_SEED = 0
#: Number of units sampled from a layer for comparisons of units, and the random seed of the sample.
MOST_UNITS, _UNITS_SEED = 1000, 0
#: Most runs over stimuli whose files change meanwhile without becoming others, for example by chmod.
_MOST_TRIES = 3
#: Alignment of the layers in the file that their responses are collected in, in bytes.
_ALIGNMENT = 64


class Activations:
    """Layer responses of one candidate, read from disk where stored, else computed in one forward pass.

    Parameters
    ----------
    candidate : Candidate
        Candidate whose model wraps a PyTorch network.
    progress : callable, optional
        Called with the name of a step, the number done and the total.

    Attributes
    ----------
    forward_passes : int
        Number of passes over stimuli so far.
    repeatable : bool
        Whether the network gives the same responses for the same random seed; if not, none are stored.
    """

    def __init__(self, candidate: Candidate, progress: Progress | None = None) -> None:
        if candidate.module is None:
            raise ModelError(
                f'{candidate.identifier} is not a PyTorch network in a ModelCommitment: its layers cannot be compared. '
                'It can be scored on areas that it maps itself.'
            )
        self._candidate = candidate
        #: Largest number of images in a forward pass that the user chose: some networks look at the whole batch.
        self.batch_size = candidate.batch_size
        self._module = candidate.module
        self._wrapper = candidate.wrapper
        self._report = progress or silent
        self._known: dict[tuple[str, str, FeatureForm], np.ndarray] = {}
        self._hashes: dict[str, str] = {}
        self._widths: dict[str, int] = {}
        self._in_use: set[Path] = set()
        self._noted: set[str] = set()
        self.forward_passes = 0
        self.repeatable = True

    def __call__(
        self, stimuli: StimulusSet, layers: Sequence[str], form: FeatureForm = FeatureForm.ROTATION
    ) -> dict[str, np.ndarray]:
        """Return the responses of layers to stimuli.

        Parameters
        ----------
        stimuli : StimulusSet
        layers : sequence of str
        form : FeatureForm

        Returns
        -------
        dict
            Layer to array, rows in the order of `stimuli`: shape (n_stimuli, at most n_stimuli + 1) for a rotation,
            (n_stimuli, at most `MOST_UNITS`) for units, (n_stimuli, channels, height, width) for maps of a
            convolutional layer. Maps are memory-mapped.

        Raises
        ------
        UnknownNameError
            When the network doesn't have a layer.
        ModelError
            When a layer's output can't be used.
        StorageError
            When the disk has no room for the responses, or the size limit of the store isn't a number.
        DataError
            When the stimuli are replaced while the network runs on them.
        """
        if 'logits' not in layers:  # Brain-Score's name for the last layer
            submodules(self._module, layers, self._candidate.identifier)
        paths = [Path(stimuli.get_stimulus(stimulus)) for stimulus in stimuli['stimulus_id']]
        state = files_state(paths)
        stimuli_sha256 = self._stimuli_hash(stimuli.identifier, paths, state)
        unread = [layer for layer in dict.fromkeys(layers) if (stimuli_sha256, layer, form) not in self._known]
        if unread:
            folder = ensure_writable(activation_store.folder())
            activation_store.limit_bytes()  # a setting that isn't a number is reported before the network runs
            for _ in range(_MOST_TRIES):
                probe = Probe(self, unread, [paths[0], paths[len(paths) // 2]])
                keys = {} if form is FeatureForm.MAPS else self._keys(unread, stimuli_sha256, form, probe)
                known = {layer: self._stored(layer, key, probe) for layer, key in keys.items()}
                missing = [layer for layer in unread if known.get(layer) is None]
                computed = self._run(paths, missing, probe, folder, form) if missing else {}
                before, state = state, files_state(paths)
                # Of images that were touched, or replaced and put back, the content says nothing of what was read.
                if before.is_kept(state) or not missing:
                    break
                if self._stimuli_hash(stimuli.identifier, paths, state) != stimuli_sha256:
                    raise self._replaced(stimuli)
            else:
                raise self._replaced(stimuli)
            self._store({layer: keys[layer] for layer in missing if layer in keys}, computed, probe, stimuli)
            for layer in unread:
                stored = known.get(layer)
                self._known[stimuli_sha256, layer, form] = computed[layer] if stored is None else stored
        return {layer: self._known[stimuli_sha256, layer, form] for layer in layers}

    def _replaced(self, stimuli: StimulusSet) -> DataError:
        return DataError(
            f'the images of {stimuli.identifier} were replaced while {self._candidate.identifier} ran on them. Run '
            'this again.'
        )

    def _keys(
        self, layers: Sequence[str], stimuli_sha256: str, form: FeatureForm, probe: Probe
    ) -> dict[str, dict[str, Any]]:
        """Make the keys of layers: all that determines their responses, but for the kernels.

        None for a network whose responses change from run to run, or whose source can't be read, as in a console.
        """
        source = [self._candidate.code_sha256, code_of_network(self._module)]
        if not self.repeatable or source == [None, None]:
            return {}
        common = {
            'form': str(form),
            'stimuli_sha256': stimuli_sha256,
            'weights_sha256': self._candidate.weights_sha256,
            'source_sha256': source,
            'input_shape': list(probe.input_shape),
            'input_sha256': probe.input_sha256,
            'device': brainscore_adapter.device_of(self._wrapper).type,
            'batch_size': self.batch_size,
            'units': None if form is FeatureForm.ROTATION else [MOST_UNITS, _UNITS_SEED],
            'library_sha256': library().code_sha256,
            'versions': versions(),
        }
        return {layer: {'layer': layer, **common} for layer in layers}

    def _stored(self, layer: str, key: Mapping[str, Any], probe: Probe) -> np.ndarray | None:
        """Read the responses under a key, unless they are missing, damaged or those of a network that was changed."""
        try:
            entry = activation_store.read(key)
        except activation_store.DamagedEntryError:
            self._note('stored activations are damaged; they are computed anew')
            return None
        if entry is None:
            return None
        largest = tolerance(probe.dtype, brainscore_adapter.device_of(self._wrapper))
        if deviation(entry.summaries, probe.summaries[layer]) > largest:
            self._note(
                'it answers the same images differently from when its activations were stored (relative difference '
                f'above {largest:g}); they are computed anew'
            )
            return None
        self._in_use.add(activation_store.path_of(key))
        return entry.responses

    def _store(
        self,
        keys: Mapping[str, Mapping[str, Any]],
        computed: Mapping[str, np.ndarray],
        probe: Probe,
        stimuli: StimulusSet,
    ) -> None:
        if not keys:
            return
        about = {
            'model': self._candidate.identifier,
            'weights': self._candidate.weights,
            'stimuli': stimuli.identifier,
            'machine': dataclasses.asdict(machine(str(brainscore_adapter.device_of(self._wrapper)))),
        }
        entries = [
            activation_store.Entry(
                key, computed[layer], probe.summaries[layer], {**about, 'units': probe.widths[layer]}
            )
            for layer, key in keys.items()
        ]
        try:
            check_library()
            activation_store.write(entries, self._in_use)
        except StorageError as error:  # what was computed is scored all the same
            self._note(f'its activations are not stored: {str(error).rstrip(".")}')
            return
        self._in_use.update(activation_store.path_of(key) for key in keys.values())

    def _note(self, text: str) -> None:
        """Print a note on the candidate, once."""
        if text not in self._noted:
            self._noted.add(text)
            say(f'Note on {self._candidate.identifier}: {text}.')

    def _stimuli_hash(self, identifier: str, paths: Sequence[Path], state: FilesState) -> str:
        known = f'{identifier} {list(map(str, paths))} {state.files}'
        if known not in self._hashes:
            digest = hashlib.sha256()
            for path in paths:
                digest.update(sha256_file(path).encode())
            self._hashes[known] = digest.hexdigest()
        return self._hashes[known]

    def preprocess(self, paths: Sequence[Path]) -> torch.Tensor:
        """Preprocess images for the network: shape (n_images, channels, height, width)."""
        with reporting_plugin_errors(self._candidate.identifier, ModelError):
            images = brainscore_adapter.preprocess(self._wrapper, [str(path) for path in paths])
            return torch.stack([torch.as_tensor(image) for image in images])

    def dtype(self, images: torch.Tensor) -> torch.dtype:
        """Type of the numbers that the network computes with."""
        return input_dtype(self._module, images.dtype)

    @contextlib.contextmanager
    def seeded(self) -> Iterator[None]:
        """Set the random seed of PyTorch for a network that draws random numbers, and restore its state on exit."""
        device = brainscore_adapter.device_of(self._wrapper)
        with torch.random.fork_rng([device] if device.type == 'cuda' else []):
            torch.manual_seed(_SEED)
            yield

    def has(self, layer: str) -> bool:
        """Whether the network has a layer."""
        try:
            submodules(self._module, [layer], self._candidate.identifier)
        except UnknownNameError:
            return False
        return True

    def n_units(self, layers: Sequence[str]) -> dict[str, int]:
        """Count the units of layers by their responses to a fixed image."""
        unknown = [layer for layer in layers if layer not in self._widths]
        if unknown:
            image = preprocess_probe(self)
            with self.seeded():
                outputs = self.respond(image, unknown)
            self._widths.update({layer: outputs[layer].reshape(-1).size for layer in unknown})
        return {layer: self._widths[layer] for layer in layers}

    def respond(self, images: torch.Tensor, layers: Sequence[str]) -> dict[str, np.ndarray]:
        """Record the responses of layers to one batch, each of shape (n_images, ...)."""
        if brainscore_adapter.records_differently(self._wrapper) or 'logits' in layers:
            try:
                outputs = dict(self._wrapper.get_activations(list(images), list(layers)))
            except (AttributeError, TypeError, AssertionError) as error:
                raise ModelError(
                    f'{self._candidate.identifier} cannot record {", ".join(layers)}: {type(error).__name__}: {error}'
                ) from error
        else:
            modules = submodules(self._module, layers, self._candidate.identifier)
            # A copy: the network may change its input.
            batch = images.to(brainscore_adapter.device_of(self._wrapper), self.dtype(images), copy=True)
            try:
                outputs = responses(self._module, batch, modules, brainscore_adapter.forward_options(self._wrapper))
            except ModelError as error:
                raise ModelError(f'{self._candidate.identifier}: {error}') from error
        outputs = brainscore_adapter.apply_hooks(self._wrapper, outputs)
        return {layer: np.asarray(outputs[layer]) for layer in layers}

    def _run(
        self, paths: Sequence[Path], layers: Sequence[str], probe: Probe, folder: Path, form: FeatureForm
    ) -> dict[str, np.ndarray]:
        """Run all stimuli through the network once, collecting the responses on disk, not in memory."""
        n_stimuli = len(paths)
        row_bytes = sum(probe.widths[layer] for layer in layers) * 4
        needed = row_bytes * n_stimuli
        if needed > free_bytes(folder):
            raise StorageError(
                f'the responses of {len(layers)} layers to {n_stimuli} stimuli need {needed / 1e9:.1f} GB of temporary '
                f'space, but {folder} has {free_bytes(folder) / 1e9:.1f} GB free. Free some space, set M2M_HOME to '
                'another disk, or name one layer: --layer NAME.'
            )
        size = int(np.clip(_BATCH_BYTES // max(row_bytes, 1), 1, self._candidate.batch_size or _MOST_IMAGES))
        with reporting_write_errors('activations', folder):
            collected = _scratch(
                folder, n_stimuli, {layer: (probe.widths[layer], probe.dtypes[layer]) for layer in layers}
            )
        self.forward_passes += 1
        with self.seeded():
            for start in range(0, n_stimuli, size):
                batch = paths[start : start + size]
                for layer, output in self.respond(self.preprocess(batch), layers).items():
                    features = output.reshape(len(batch), -1)
                    if features.shape[1] != collected[layer].shape[1]:
                        raise ModelError(
                            f'layer {layer!r} of {self._candidate.identifier} has {features.shape[1]} features for '
                            f'some stimuli and {collected[layer].shape[1]} for others; a fixed number is expected.'
                        )
                    collected[layer][start : start + len(batch)] = features
                self._report(f'{self._candidate.identifier}: images', min(start + size, n_stimuli), n_stimuli)
        reduced = {}
        for i, layer in enumerate(layers):
            try:
                reduced[layer] = _reduce(collected.pop(layer), form)
            except ValueError as error:
                raise ModelError(f'layer {layer!r} of {self._candidate.identifier}: {error}.') from error
            self._report(f'{self._candidate.identifier}: layers', i + 1, len(layers))
        if form is FeatureForm.MAPS:
            return {layer: reduced[layer].reshape(n_stimuli, *probe.shapes[layer]) for layer in layers}
        return reduced


def _reduce(responses: np.ndarray, form: FeatureForm) -> np.ndarray:
    """Bring the responses of a layer (n_stimuli, n_units) into the form of a comparison.

    Raises
    ------
    ValueError
        When the responses are empty, or hold NaN or infinity.
    """
    if form is FeatureForm.ROTATION:
        return gram_reduce(responses)
    n_units = responses.shape[1]
    if form is FeatureForm.UNITS:
        units = np.arange(n_units)
        if n_units > MOST_UNITS:
            units = np.sort(np.random.default_rng(_UNITS_SEED).choice(n_units, MOST_UNITS, replace=False))
        responses = np.array(responses[:, units])
    if not np.isfinite(responses).all():
        raise ValueError('the features contain NaN or infinity; expected finite numbers')
    return responses


def _scratch(folder: Path, n_rows: int, layers: Mapping[str, tuple[int, np.dtype]]) -> dict[str, np.ndarray]:
    """Make an array for each layer in one unnamed file, which the system deletes when the process ends.

    One for all of them: a process may have only some hundred open files, and a network more layers.
    """
    starts, size = {}, 0
    for layer, (width, dtype) in layers.items():
        starts[layer] = size
        size += -(-n_rows * width * dtype.itemsize // _ALIGNMENT) * _ALIGNMENT
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, 'posix_fallocate'):
            # Reserved now: a disk that fills up later would end the process when the array is written.
            os.posix_fallocate(file.fileno(), 0, max(1, size))
        whole: np.ndarray = np.memmap(file, dtype=np.uint8, mode='w+', shape=(max(1, size),))
    return {
        layer: whole[starts[layer] : starts[layer] + n_rows * width * dtype.itemsize].view(dtype).reshape(n_rows, width)
        for layer, (width, dtype) in layers.items()
    }
