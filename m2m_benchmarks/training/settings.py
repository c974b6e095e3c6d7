"""Settings of a training run."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from m2m_benchmarks.errors import TrainingError
from m2m_benchmarks.models.neurn.model import Variant, parse
from m2m_benchmarks.scoring.runs import runs_folder
from m2m_benchmarks.training.sources import IMAGE_FOLDER

PROTOCOLS = ('single-source', 'epochs')


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings that the weights of a run depend on.

    The defaults are the single-source protocol of M-ADA, RandConv and PDEN: batches of 32 drawn with replacement from
    the first 10,000 training images of the source, Adam with a learning rate of 1e-4, 10,000 steps, the final weights.

    Attributes
    ----------
    model : str
        Identifier in the family `neurn`.
    dataset : str
        Domain of digits, or 'imagefolder:DIR'.
    seed : int
        Random seed of the untrained weights and the batches.
    protocol : {'single-source', 'epochs'}
        Batches drawn with replacement, or shuffled epochs.
    steps : int
    batch_size : int
        Number of images in a batch, over all devices.
    learning_rate : float
    limit : int or None
        Maximum number of training images.
    weights : str
        Initial weights: 'none', 'default' or a file.
    early_stop : int or None
        Number of intervals without a better accuracy on held-out images of the source after which training stops.
    interval : int
        Number of steps between validations; a checkpoint is written after each.
    precision : str
        Precision by lightning's name, such as '32-true' or '16-mixed'.
    """

    model: str
    dataset: str
    seed: int = 0
    protocol: str = 'single-source'
    steps: int = 10_000
    batch_size: int = 32
    learning_rate: float = 1e-4
    limit: int | None = 10_000
    weights: str = 'none'
    early_stop: int | None = None
    interval: int = 1_000
    precision: str = '32-true'

    def __post_init__(self) -> None:
        """Check the settings.

        Raises
        ------
        TrainingError
            When a setting is invalid.
        """
        try:
            known = parse(self.model) is not None
        except ValueError as error:
            raise TrainingError(f'{error}.') from error
        if not known:
            raise TrainingError(f'{self.model} cannot be trained here; expected neurn_BACKBONE or plain_BACKBONE.')
        if self.protocol not in PROTOCOLS:
            raise TrainingError(f'unknown protocol {self.protocol!r}; expected {" or ".join(PROTOCOLS)}.')
        for name in ('steps', 'batch_size', 'limit', 'early_stop', 'interval'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise TrainingError(f'{name.replace("_", " ")} is {value}; expected 1 or more.')
        if self.seed < 0:
            raise TrainingError(f'seed is {self.seed}; expected 0 or more.')
        if not 0 < self.learning_rate < float('inf'):
            raise TrainingError(f'the learning rate is {self.learning_rate}; expected a positive number.')

    @property
    def variant(self) -> Variant:
        """Variant of the family `neurn` that the model's name stands for."""
        variant = parse(self.model)
        assert variant is not None
        return variant

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON; it has only the name of a folder of images, so that this can be moved."""
        document = dataclasses.asdict(self)
        if self.dataset.startswith(IMAGE_FOLDER):
            folder = Path(self.dataset.removeprefix(IMAGE_FOLDER)).expanduser().resolve()
            document['dataset'] = f'{IMAGE_FOLDER}{folder.name}'
        if self.weights not in ('none', 'default'):
            document['weights'] = Path(self.weights).name
        return document

    def folder(self) -> Path:
        """Default folder of a run with these settings."""
        document = self.document()
        usual = Settings(self.model, self.dataset, self.seed).document()
        name = f'{self.model}-{str(document["dataset"]).replace(IMAGE_FOLDER, "")}-seed{self.seed}'
        changed = {key: value for key, value in document.items() if value != usual[key]}
        if changed:
            digest = hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()
            name += f'-{digest[:8]}'
        return runs_folder() / name
