"""A candidate: a Brain-Score model, and what is known about it."""

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainscore_vision.model_interface import BrainModel
from torch import nn

from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.scoring import brainscore_adapter
from m2m_benchmarks.scoring.provenance import code_of_folder, code_of_network, family_of
from m2m_benchmarks.scoring.runs import Run
from m2m_benchmarks.scoring.weights import weights_sha256


@dataclass
class Candidate:
    """A model and what is known about it.

    Attributes
    ----------
    identifier : str
    model : BrainModel
    weights : str
        Origin of the weights: 'default', 'none (seed 0)', 'file NAME (SHA-256 …)', 'run NAME …', or 'its own'. That of
        a file also has the key of the state dict, and the parts without weights: 'file NAME (SHA-256 …; model; without
        fc)'.
    run : Run or None
        Training run that made the weights.
    training_set : str or None
        Training data of the weights, where known.
    seed : int or None
        Random seed of untrained weights.
    folder : Path or None
        Plugin folder of the model.
    files : dict or None
        Files of the default weights, with their SHA-256. None where more than its name, these files and the files that
        the user names can change a candidate.
    is_object : bool
        Whether the model is a Brain-Score model from Python, whose tasks and layers may have been replaced.
    input : str or None
        Description of the input, for a network in this library's wrapper.
    source_sha256 : str or None
        SHA-256 of the file of the user's that makes the network and of what it imports, or of the files outside its
        folder that a plugin imports.
    preprocessing_sha256 : str or None
        SHA-256 of the file of the user's preprocessing.
    batch_size : int or None
        Largest number of images in a forward pass, where the user chooses it.
    mouse_acuity : bool
        Whether it sees stimuli as a mouse's eye passes them on; its identifier says so.
    """

    identifier: str
    model: BrainModel
    weights: str = 'its own'
    run: Run | None = None
    training_set: str | None = None
    seed: int | None = None
    folder: Path | None = None
    files: dict[str, str] | None = None
    is_object: bool = False
    input: str | None = None
    source_sha256: str | None = None
    preprocessing_sha256: str | None = None
    batch_size: int | None = None
    mouse_acuity: bool = False
    _layers: list[str] | None = field(default=None, repr=False)

    @property
    def wrapper(self) -> Any:
        """Brain-Score's wrapper around the network, or None for a model of another kind."""
        return brainscore_adapter.wrapper_of(self.model)

    @property
    def module(self) -> nn.Module | None:
        """PyTorch network, or None for a model of another kind."""
        return None if self.wrapper is None else brainscore_adapter.network_in(self.wrapper)

    @property
    def committed(self) -> Mapping[str, Any]:
        """Layer or layers of each area that the model maps itself."""
        return brainscore_adapter.region_layers(self.model)

    @property
    def calibrated_on(self) -> str | None:
        """Dataset whose neuroids the model's layers of mouse areas were chosen on, where the model states it."""
        return getattr(self.model, 'calibrated_on', None)

    @property
    def layers(self) -> list[str]:
        """Layers to choose from, in order.

        Raises
        ------
        ModelError
            When the model lists none.
        """
        if self._layers is None:
            listed = getattr(self.model, 'layers', None)
            if not listed:
                raise ModelError(f'{self.identifier} lists no layers to choose from; name one: --layer NAME.')
            self._layers = list(dict.fromkeys(listed))
        return self._layers

    @property
    def known_layers(self) -> list[str]:
        """Layers that the model lists or maps to areas; empty where it does neither."""
        mapped = [[layers] if isinstance(layers, str) else layers for layers in self.committed.values()]
        listed = getattr(self.model, 'layers', None) or []
        return list(dict.fromkeys([*listed, *(layer for layers in mapped for layer in layers)]))

    @property
    def family(self) -> str | None:
        """Family of the network, such as 'squeezenet'; None for a model of another kind."""
        network = self.module
        return None if network is None else family_of(getattr(network, 'backbone', network))

    @property
    def n_parameters(self) -> int | None:
        """Number of parameters of the network; None for a model of another kind."""
        return None if self.module is None else sum(parameter.numel() for parameter in self.module.parameters())

    @functools.cached_property
    def code_sha256(self) -> str | None:
        """Fingerprint of the plugin folder, or of the source of the network; None where neither is all there is."""
        if self.is_object:
            return None
        if self.folder is not None:
            code: str | None = code_of_folder(self.folder)
        else:
            code = None if self.module is None else code_of_network(self.module)
        if self.source_sha256 is not None:
            code = hashlib.sha256(f'{self.source_sha256} {code}'.encode()).hexdigest()
        if code is not None and self.preprocessing_sha256 is not None:
            code = hashlib.sha256(f'{self.preprocessing_sha256} {code}'.encode()).hexdigest()
        return code

    @functools.cached_property
    def weights_sha256(self) -> str | None:
        """Fingerprint of all parameters and buffers; None for a model of another kind."""
        return weights_sha256(self.module) if self.module is not None else None
