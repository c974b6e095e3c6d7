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
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from torch import nn

from m2m_benchmarks.arrays import gram_reduce
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm
from m2m_benchmarks.errors import DataError, ModelError, StorageError, UnknownNameError
from m2m_benchmarks.messages import say
from m2m_benchmarks.plugins import reporting_plugin_errors
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.scoring import activation_store, brainscore_adapter, unit_samples
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.layers import (
    counting_bytes,
    does_not_fit,
    input_dtype,
    is_out_of_memory,
    responses,
    running,
    submodules,
)
from m2m_benchmarks.scoring.probes import Probe, deviation, tolerance
from m2m_benchmarks.scoring.provenance import code_of_network, machine, preprocess_probe
from m2m_benchmarks.scoring.requests import check_library, library, versions
from m2m_benchmarks.scoring.scratch import ScratchLayer, scratch, scratch_bytes
from m2m_benchmarks.scoring.sealed_arrays import DamagedFileError
from m2m_benchmarks.scoring.unit_samples import WITH_SAMPLE, kept_part, most_units
from m2m_benchmarks.storage import (
    FilesState,
    ensure_writable,
    files_state,
    free_bytes,
    sha256_file,
)

#: Most bytes that the responses of one batch take, all layers together.
_BATCH_BYTES = 512 * 2**20
_MOST_IMAGES = 32
#: Random seed of networks that draw random numbers.
_SEED = 0
#: Most runs over stimuli whose files change meanwhile without becoming others, for example by chmod.
_MOST_TRIES = 3


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
    most_images : int
        Largest number of images in a forward pass, which becomes smaller when a batch doesn't fit in memory.
    repeatable : bool
        Whether the network gives the same responses for the same random seed; if not, none are stored.
    depends_on_batches : bool
        Whether the responses to an image depend on the batch that it is in; if so, batches that don't fit in memory
        are not made smaller.
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
        #: Samples of units that were collected beside rotations, by the hash of the stimuli and the layer.
        self._samples: dict[tuple[str, str], np.ndarray] = {}
        self._hashes: dict[str, str] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._in_use: set[Path] = set()
        self._noted: set[str] = set()
        self.most_images = self.batch_size or _MOST_IMAGES
        self.forward_passes = 0
        self.repeatable = True
        self.depends_on_batches = False

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
            (n_stimuli, at most `most_units`) for samples of units, (n_stimuli, channels, height, width) for maps of a
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
                computed = self._samples_of(stimuli_sha256, missing, form)
                samples: dict[str, np.ndarray] = {}
                uncollected = [layer for layer in missing if layer not in computed]
                if uncollected:
                    reduced, samples = self._run(paths, uncollected, probe, folder, form)
                    computed |= reduced
                before, state = state, files_state(paths)
                # Of images that were touched, or replaced and put back, the content says nothing of what was read.
                if before.is_kept(state) or not missing:
                    break
                if self._stimuli_hash(stimuli.identifier, paths, state) != stimuli_sha256:
                    raise self._replaced(stimuli)
            else:
                raise self._replaced(stimuli)
            self._samples |= {(stimuli_sha256, layer): values for layer, values in samples.items()}
            self._store({layer: keys[layer] for layer in missing if layer in keys}, computed, probe, stimuli)
            for layer in unread:
                stored = known.get(layer)
                self._known[stimuli_sha256, layer, form] = computed[layer] if stored is None else stored
        return {layer: self._known[stimuli_sha256, layer, form] for layer in layers}

    def _samples_of(self, stimuli_sha256: str, layers: Sequence[str], form: FeatureForm) -> dict[str, np.ndarray]:
        """Take the samples of units that were collected in an earlier forward pass; empty for other forms."""
        keys = {layer: (stimuli_sha256, layer) for layer in layers if form in unit_samples.FORMS}
        samples = {layer: self._samples[key] for layer, key in keys.items() if key in self._samples}
        return {layer: sample[:, : most_units(form, len(sample))].copy() for layer, sample in samples.items()}

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
            'units': unit_samples.settings(form),
            'library_sha256': library().code_sha256,
            'versions': versions(),
        }
        return {layer: {'layer': layer, **common} for layer in layers}

    def _stored(self, layer: str, key: Mapping[str, Any], probe: Probe) -> np.ndarray | None:
        """Read the responses under a key, unless they are missing, damaged or those of a network that was changed."""
        try:
            entry = activation_store.read(key)
        except DamagedFileError:
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

    def shapes(self, layers: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """Shapes of the responses of layers to a fixed image, such as (channels, height, width)."""
        unknown = [layer for layer in layers if layer not in self._shapes]
        if unknown:
            image = preprocess_probe(self)
            with self.seeded():
                outputs = self.respond(image, unknown)
            self._shapes.update({layer: outputs[layer].shape[1:] for layer in unknown})
        return {layer: self._shapes[layer] for layer in layers}

    def n_units(self, layers: Sequence[str]) -> dict[str, int]:
        """Count the units of layers by their responses to a fixed image."""
        return {layer: math.prod(shape) for layer, shape in self.shapes(layers).items()}

    def convolutions(self) -> list[str]:
        """List the convolutional layers (`torch.nn.Conv2d`) that run, in the order in which they do.

        Those of which a network makes other tensors than one with a row for each image are left out. Convolutions that
        a network calls as functions, and those in TorchScript, are not seen.
        """
        with running(self._module, nn.Conv2d) as names, self.seeded():
            self.respond(preprocess_probe(self), [])
        return names

    def respond(self, images: torch.Tensor, layers: Sequence[str]) -> dict[str, np.ndarray]:
        """Record the responses of layers to one batch, each of shape (n_images, ...).

        Raises
        ------
        ModelError
            When the network can't be run on them, or a single image doesn't fit in memory.
        MemoryError
            When several images don't fit at once.
        """
        try:
            return self._respond(images, layers)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            device = brainscore_adapter.device_of(self._wrapper)
            reason = f'{len(images)} images of shape {tuple(images.shape[1:])} do not fit in the memory of {device}'
            if len(images) > 1:
                raise MemoryError(reason) from error
            raise does_not_fit(self._candidate.identifier, images.shape[1:], device) from error

    def _respond(self, images: torch.Tensor, layers: Sequence[str]) -> dict[str, np.ndarray]:
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
        # A plugin's own recording may give float16, whose sums overflow.
        return {layer: _at_least_single(np.asarray(outputs[layer])) for layer in layers}

    def image_bytes(self, path: Path, layers: Sequence[str]) -> int:
        """Compute the bytes that one image takes in a forward pass that records layers, at the moment of most."""
        image = self.preprocess([path])
        known = dict(self._module.named_modules())
        with counting_bytes(self._module, [known[layer] for layer in layers if layer in known]) as count, self.seeded():
            outputs = self.respond(image, layers)
        return max(count.most, sum(output.nbytes for output in outputs.values()))

    def _run(
        self, paths: Sequence[Path], layers: Sequence[str], probe: Probe, folder: Path, form: FeatureForm
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Run all stimuli through the network once, collecting the responses on disk, not in memory.

        Returns
        -------
        reduced : dict
            Layer to its responses in the form.
        samples : dict
            Layer to the larger sample of its units, which a score's own units need (`scoring.own_units`).
        """
        n_stimuli = len(paths)
        kept = kept_units(probe, layers, form, n_stimuli)
        needed = scratch_bytes(n_stimuli, kept)
        if needed > free_bytes(folder):
            raise StorageError(
                f'the responses of {len(layers)} layers to {n_stimuli} stimuli need {math.ceil(needed / 1e6):,} MB of '
                f'temporary space, but {folder} has {free_bytes(folder) // 1_000_000:,} MB free. Free some space, set '
                'M2M_HOME to another disk, or name one layer: --layer NAME.'
            )
        self.forward_passes += 1
        reduced = {}
        sampled = kept_units(probe, layers, FeatureForm.MANY_UNITS, n_stimuli) if form in WITH_SAMPLE else {}
        samples = {layer: np.empty((n_stimuli, n_units), dtype) for layer, (n_units, dtype) in sampled.items()}
        with scratch(folder, n_stimuli, kept) as collected:
            self._in_batches(
                paths, layers, probe, lambda batch, start: self.collect(batch, start, collected, probe, form, samples)
            )
            for i, (layer, responses) in enumerate(collected.items()):
                try:
                    if layer in samples:
                        _finite(samples[layer])
                    reduced[layer] = _reduce(responses, form, probe.shapes[layer])
                except ValueError as error:
                    raise self._bad_values(layer, error) from error
                self._report(f'{self._candidate.identifier}: layers', i + 1, len(layers))
        return reduced, samples

    def _in_batches(
        self, paths: Sequence[Path], layers: Sequence[str], probe: Probe, use: Callable[[Sequence[Path], int], None]
    ) -> None:
        """Call a function with one batch of images after another, and the number of its first.

        A batch that doesn't fit in memory is halved, and the function called again.
        """
        with self.seeded():
            done = 0
            while done < len(paths):
                batch = paths[done : done + images_at_once(probe, layers, self.most_images)]
                try:
                    use(batch, done)
                except MemoryError as error:
                    self._halve(len(batch), error)
                    continue
                done += len(batch)
                self._report(f'{self._candidate.identifier}: images', done, len(paths))

    def _bad_values(self, layer: str, error: ValueError) -> ModelError:
        return ModelError(
            f'layer {layer!r} of {self._candidate.identifier}: {error}. Check the weights and the preprocessing, or '
            'name another layer: --layer NAME.'
        )

    def means(
        self,
        stimuli: StimulusSet,
        layers: Sequence[str],
        weights: np.ndarray,
        transform: Callable[[np.ndarray], np.ndarray],
    ) -> dict[str, np.ndarray]:
        """Average transformed responses of layers over stimuli, keeping those of one batch at a time.

        Parameters
        ----------
        stimuli : StimulusSet
        layers : sequence of str
        weights : array, shape (n_means, n_stimuli)
            Weight of each stimulus, in the order of `stimuli`, in each mean.
        transform : callable
            Function of the responses of a layer to a batch, shape (n, ...), that returns an array of n rows.

        Returns
        -------
        dict
            Layer to array, shape (n_means, ...), in the order of `layers`.

        Raises
        ------
        UnknownNameError
            When the network doesn't have a layer.
        ModelError
            When a layer's output can't be used.
        DataError
            When the stimuli are replaced while the network runs on them.
        """
        paths = [Path(stimuli.get_stimulus(stimulus)) for stimulus in stimuli['stimulus_id']]
        state = files_state(paths)
        probe = Probe(self, layers, paths[:1])
        sums: dict[str, np.ndarray] = {}

        def add(batch: Sequence[Path], start: int) -> None:
            own = weights[:, start : start + len(batch)]
            parts = {}  # added when all are known: a batch that doesn't fit in memory is run again
            for layer, output in self._features(batch, layers, probe).items():
                values = transform(output.reshape(-1, *probe.shapes[layer]))
                try:
                    parts[layer] = np.tensordot(own.astype(values.dtype), _finite(values), 1)
                except ValueError as error:
                    raise self._bad_values(layer, error) from error
            for layer, part in parts.items():
                sums[layer] = sums[layer] + part if layer in sums else part

        self.forward_passes += 1
        self._in_batches(paths, layers, probe, add)
        if not state.is_kept(files_state(paths)):
            raise self._replaced(stimuli)
        return {layer: sums[layer] for layer in layers}

    def collect(
        self,
        batch: Sequence[Path],
        start: int,
        collected: Mapping[str, ScratchLayer],
        probe: Probe,
        form: FeatureForm,
        samples: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> None:
        """Write the responses of layers to a batch, whose first stimulus has number `start`, and samples of units."""
        for layer, features in self._features(batch, list(collected), probe).items():
            collected[layer].write(start, kept_part(features, form, collected[layer].shape[1]))
            if layer in samples:
                sample = samples[layer]
                sample[start : start + len(batch)] = kept_part(features, FeatureForm.MANY_UNITS, sample.shape[1])

    def _features(self, batch: Sequence[Path], layers: Sequence[str], probe: Probe) -> dict[str, np.ndarray]:
        """Record the responses of layers to a batch, each of shape (n_images, n_units)."""
        outputs = self.respond(self.preprocess(batch), layers)
        features = {layer: output.reshape(len(batch), -1) for layer, output in outputs.items()}
        for layer, values in features.items():
            if values.shape[1] != probe.widths[layer]:
                raise ModelError(
                    f'layer {layer!r} of {self._candidate.identifier} has {values.shape[1]} features for some '
                    f'stimuli and {probe.widths[layer]} for others; a fixed number is expected.'
                )
        return features

    def _halve(self, n_images: int, error: MemoryError) -> None:
        """Halve the number of images in a forward pass, for all that follow."""
        if n_images == 1:
            raise error
        half = n_images // 2
        if self.depends_on_batches:
            raise ModelError(
                f'{self._candidate.identifier}: {error}. Its score depends on the size of the batches: choose one that '
                f'fits, such as --batch-size {half}.'
            ) from error
        self.most_images = half
        self._note(f'{error}; from here on, {half} at a time are run')


def _at_least_single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) if values.dtype == np.float16 else values


def _finite(values: np.ndarray) -> np.ndarray:
    """Return values, of which those of one row at a time are looked at.

    Raises
    ------
    ValueError
        When they hold NaN or infinity.
    """
    if not all(np.isfinite(row).all() for row in values):
        raise ValueError('the features contain NaN or infinity; expected finite numbers')
    return values


def images_at_once(probe: Probe, layers: Sequence[str], most: int) -> int:
    """Number of images in a forward pass that records layers: at least one, and at most `most`.

    The responses to one batch, all layers together, are in memory at once.
    """
    row_bytes = sum(probe.widths[layer] for layer in layers) * 4
    return int(np.clip(_BATCH_BYTES // max(row_bytes, 1), 1, most))


def kept_units(
    probe: Probe, layers: Sequence[str], form: FeatureForm, n_stimuli: int
) -> dict[str, tuple[int, np.dtype[Any]]]:
    """Number of units of each layer whose responses are collected for a form, and the type of the responses."""
    most = most_units(form, n_stimuli)
    return {layer: (min(probe.widths[layer], most or probe.widths[layer]), probe.dtypes[layer]) for layer in layers}


def _reduce(responses: ScratchLayer, form: FeatureForm, shape: tuple[int, ...]) -> np.ndarray:
    """Bring the responses of a layer, of the shape of one response, into the form of a comparison.

    Raises
    ------
    ValueError
        When the responses are empty, or hold NaN or infinity.
    """
    if form is FeatureForm.ROTATION:
        return gram_reduce(responses)
    values = responses.mapped() if form is FeatureForm.MAPS else responses[:, :]
    values = _finite(values)
    return values.reshape(len(values), *shape) if form is FeatureForm.MAPS else values
