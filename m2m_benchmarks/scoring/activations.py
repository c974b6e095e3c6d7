"""Responses of a model's layers to a stimulus set, computed once.

The stored form depends on the comparison (`comparisons.base.FeatureForm`): a rotation of a layer's responses
(`arrays.gram_reduce`), which keeps all that most comparisons use in some hundred kilobytes, or a sample of its units.
All units of a layer, for comparisons of maps, are computed each time: they may take gigabytes.

An entry's key is a hash of everything that could change it: the weights, a preprocessed probe image (which depends on
image size and normalisation), the layer's response to it (which depends on the network's code), and the content of the
stimuli. Names are not part of it: a changed model under an old name has another key.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.arrays import gram_reduce
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm
from m2m_benchmarks.errors import ModelError, StorageError
from m2m_benchmarks.plugins import reporting_plugin_errors
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.scoring import brainscore_adapter
from m2m_benchmarks.scoring.candidates import Candidate
from m2m_benchmarks.scoring.layers import input_dtype, responses, submodules
from m2m_benchmarks.scoring.provenance import hash_array, preprocess_probe
from m2m_benchmarks.storage import atomic_write, ensure_writable, free_bytes, home, reporting_write_errors, sha256_file

#: Increased when the stored form changes meaning.
FORMAT = 1

#: Most bytes that the responses of one batch take, all layers together.
_BATCH_BYTES = 512 * 2**20
_MOST_IMAGES = 32
#: Random seed of networks that draw random numbers.
_SEED = 0
#: Number of units sampled from a layer for comparisons of units, and the random seed of the sample.
MOST_UNITS, _UNITS_SEED = 1000, 0


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
            When the disk has no room for the responses.
        """
        if 'logits' not in layers:  # Brain-Score's name for the last layer
            submodules(self._module, layers, self._candidate.identifier)
        paths = [Path(stimuli.get_stimulus(stimulus)) for stimulus in stimuli['stimulus_id']]
        stimuli_sha256 = self._stimuli_hash(stimuli.identifier, paths)
        unread = [layer for layer in dict.fromkeys(layers) if (stimuli_sha256, layer, form) not in self._known]
        if unread:
            folder = ensure_writable(home() / 'activations')
            probe = _Probe(self, unread)
            missing = []
            for layer in unread:
                stored = (
                    None
                    if form is FeatureForm.MAPS or not self.repeatable
                    else _read(folder, probe.key(layer, stimuli_sha256, form))
                )
                if stored is None:
                    missing.append(layer)
                else:
                    self._known[stimuli_sha256, layer, form] = stored
            if missing:
                for layer, computed in self._run(paths, missing, probe, folder, form).items():
                    if self.repeatable and form is not FeatureForm.MAPS:  # maps of a layer may take gigabytes
                        description = probe.description(layer, stimuli_sha256, form, stimuli)
                        _write(folder, probe.key(layer, stimuli_sha256, form), computed, description)
                    self._known[stimuli_sha256, layer, form] = computed
        return {layer: self._known[stimuli_sha256, layer, form] for layer in layers}

    def _stimuli_hash(self, identifier: str, paths: Sequence[Path]) -> str:
        state = f'{identifier} {[(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths]}'
        if state not in self._hashes:
            digest = hashlib.sha256()
            for path in paths:
                digest.update(sha256_file(path).encode())
            self._hashes[state] = digest.hexdigest()
        return self._hashes[state]

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

    def n_units(self, layers: Sequence[str]) -> dict[str, int]:
        """Count the units of layers by their responses to a fixed image."""
        unknown = [layer for layer in layers if layer not in self._widths]
        if unknown:
            self._widths.update(_Probe(self, unknown).widths)
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
        self, paths: Sequence[Path], layers: Sequence[str], probe: '_Probe', folder: Path, form: FeatureForm
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
            collected = {
                layer: _scratch(folder, probe.dtypes[layer], (n_stimuli, probe.widths[layer])) for layer in layers
            }
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
        raise ValueError('the features contain NaN or infinity')
    return responses


class _Probe:
    """A fixed image as a model preprocesses it, and the responses of its layers."""

    def __init__(self, activations: Activations, layers: Sequence[str]) -> None:
        self._candidate = activations._candidate
        images = preprocess_probe(activations)
        self._shape = tuple(images.shape[1:])
        self._image = hash_array(images.cpu().numpy())
        with activations.seeded():
            outputs = activations.respond(images, layers)
        self.shapes = {layer: outputs[layer].shape[1:] for layer in layers}
        features = {layer: outputs[layer].reshape(len(images), -1) for layer in layers}
        self.widths = {layer: features[layer].shape[1] for layer in layers}
        self.dtypes = {layer: features[layer].dtype for layer in layers}
        self._responses = {layer: hash_array(features[layer]) for layer in layers}

    def _parts(self, layer: str, stimuli: str, form: FeatureForm) -> dict[str, Any]:
        sampled = {} if form is FeatureForm.ROTATION else {'units': MOST_UNITS, 'units_seed': _UNITS_SEED}
        return {
            'format': FORMAT,
            'layer': layer,
            'weights_sha256': self._candidate.weights_sha256,
            'probe_image_sha256': self._image,
            'probe_response_sha256': self._responses[layer],
            'stimuli_sha256': stimuli,
            **sampled,
            **({} if self._candidate.batch_size is None else {'batch_size': self._candidate.batch_size}),
        }

    def key(self, layer: str, stimuli: str, form: FeatureForm) -> str:
        return hashlib.sha256(json.dumps(self._parts(layer, stimuli, form), sort_keys=True).encode()).hexdigest()

    def description(self, layer: str, stimuli: str, form: FeatureForm, stimulus_set: StimulusSet) -> dict[str, Any]:
        """Parts of the key, and names for people who look into the folder."""
        return {
            **self._parts(layer, stimuli, form),
            'model': self._candidate.identifier,
            'weights': self._candidate.weights,
            'image_shape': self._shape,
            'n_features': self.widths[layer],
            'stimuli': stimulus_set.identifier,
        }


def _scratch(folder: Path, dtype: np.dtype, shape: tuple[int, int]) -> np.ndarray:
    """Array in an unnamed file, which the system deletes when the process ends."""
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, 'posix_fallocate'):
            # Reserved now: a disk that fills up later would end the process when the array is written.
            os.posix_fallocate(file.fileno(), 0, max(1, shape[0] * shape[1] * dtype.itemsize))
        array: np.ndarray = np.memmap(file, dtype=dtype, mode='w+', shape=shape)
    return array


def _read(folder: Path, key: str) -> np.ndarray | None:
    try:
        values: np.ndarray = np.load(folder / key[:2] / f'{key}.npy', allow_pickle=False)
    except (OSError, ValueError, EOFError):  # missing or damaged: computed again
        return None
    return values


def _write(folder: Path, key: str, values: np.ndarray, description: dict[str, Any]) -> None:
    with reporting_write_errors('activations', folder):
        subfolder = folder / key[:2]
        subfolder.mkdir(exist_ok=True)
        with atomic_write(subfolder / f'{key}.npy', 'wb') as file:
            np.save(file, values)
        with atomic_write(subfolder / f'{key}.json') as file:
            json.dump(description, file, indent=1)
