"""Lightning module: a network, its loss, and the metrics and checkpoints of its training."""

import math
from typing import Any

import lightning
import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from m2m_benchmarks.errors import TrainingError
from m2m_benchmarks.models.neurn.model import Network
from m2m_benchmarks.training.batches import Batches
from m2m_benchmarks.training.settings import Settings
from m2m_benchmarks.training.sources import Source

#: Number of steps that a training loss is averaged over.
LOSS_EVERY = 100
_VALIDATION_BATCH = 250
#: Weight of Inception's auxiliary output in its paper and in torchvision.
_AUXILIARY = 0.4


class TrainingModule(lightning.LightningModule):
    """A network of the family, trained on a source.

    Lightning's epoch is one interval of the settings: it ends with a validation and a checkpoint.

    Parameters
    ----------
    network : Network
    source : Source
    settings : Settings
    workers : int
        Number of processes that load images.
    """

    def __init__(self, network: Network, source: Source, settings: Settings, workers: int = 0) -> None:
        super().__init__()
        self.network = network.train()  # lightning does not change the mode
        self.rows: list[dict[str, Any]] = []
        self._source = source
        self._settings = settings
        self._workers = workers
        self._losses: list[torch.Tensor] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Make Adam with a constant learning rate."""
        return torch.optim.Adam(self.network.parameters(), lr=self._settings.learning_rate)

    def _loader(self, dataset: Any, batches: Any) -> DataLoader[Any]:
        return DataLoader(
            dataset,
            sampler=batches,
            batch_size=None,
            num_workers=self._workers,
            pin_memory=torch.cuda.is_available(),
        )

    def train_dataloader(self) -> DataLoader[Any]:
        """Load the batches up to the end of the interval."""
        settings, start = self._settings, self.global_step
        stop = min(settings.steps, (start // settings.interval + 1) * settings.interval)
        batches = Batches(
            self._source.n_train,
            settings.batch_size,
            settings.seed,
            settings.protocol == 'single-source',
            start,
            stop,
            self.global_rank,
            self.trainer.world_size,
        )
        return self._loader(self._source.train, batches)

    def val_dataloader(self) -> DataLoader[Any]:
        """Load the held-out images of the source."""
        indices = np.arange(self._source.n_validation)[self.global_rank :: self.trainer.world_size]
        batches = [
            (0, indices[first : first + _VALIDATION_BATCH]) for first in range(0, len(indices), _VALIDATION_BATCH)
        ]
        return self._loader(self._source.validation, batches)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed the random numbers of a step, such as dropout, by the seed and the step alone."""
        seed = np.random.SeedSequence([self._settings.seed, self.global_step, self.global_rank])
        torch.manual_seed(int(seed.generate_state(1)[0]))

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """Compute the cross entropy of a batch.

        Raises
        ------
        TrainingError
            When the loss isn't finite.
        """
        images, labels = batch
        outputs = self._outputs(images)
        auxiliary = getattr(outputs, 'aux_logits', None)
        loss = functional.cross_entropy(_logits(outputs), labels)
        if auxiliary is not None:
            loss = loss + _AUXILIARY * functional.cross_entropy(auxiliary, labels)
        # Averaged over all processes, so that all of them notice a divergence.
        mean = self.trainer.strategy.reduce(loss.detach(), reduce_op='mean')
        if not math.isfinite(mean.item()):
            raise self._diverged(f'the loss is {mean.item()} at step {self.global_step + 1}')
        self._losses.append(mean)
        return loss

    def _outputs(self, images: torch.Tensor) -> Any:
        # In the dtype of the network, which isn't float32 with 'bf16-true', for example.
        images = images.to(self.network.mean.dtype) / 255
        try:
            return self.network(images)
        except ValueError as error:
            if not self.network.after:
                raise
            # Inside a network, NeuRN is the first to check for values that are not finite.
            raise self._diverged(f'{error} at step {self.global_step + 1}') from error

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Record the training loss."""
        if self.global_step % LOSS_EVERY == 0 or self.global_step == self._settings.steps:
            self._record_loss()

    def _record_loss(self) -> None:
        if self._losses:
            self.rows.append(
                {'step': self.global_step, 'train_loss': round(float(torch.stack(self._losses).mean()), 6)}
            )
            self._losses.clear()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Compute loss and accuracy on held-out images."""
        images, labels = batch
        logits = _logits(self._outputs(images))
        correct = (logits.argmax(dim=1) == labels).float().mean()
        loss = functional.cross_entropy(logits, labels)
        for name, value in (('validation_loss', loss), ('validation_accuracy', correct)):
            self.log(name, value, batch_size=len(labels), sync_dist=self.trainer.world_size > 1)

    def on_validation_epoch_end(self) -> None:
        """Record the loss and accuracy on held-out images.

        Raises
        ------
        TrainingError
            When the loss isn't finite.
        """
        self._record_loss()
        metrics = self.trainer.callback_metrics
        if not math.isfinite(metrics['validation_loss']):
            raise self._diverged(
                f'the loss on held-out images is {metrics["validation_loss"]} at step {self.global_step}'
            )
        row = {name: round(float(metrics[name]), 6) for name in ('validation_loss', 'validation_accuracy')}
        if self.rows and self.rows[-1]['step'] == self.global_step:
            self.rows[-1].update(row)
        else:
            self.rows.append({'step': self.global_step, **row})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the settings and the metrics so far to a checkpoint.

        Raises
        ------
        TrainingError
            When a weight isn't finite; the previous checkpoint is kept.
        """
        for name, value in self.network.state_dict().items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                raise self._diverged(f'{name} is not finite at step {self.global_step}')
        checkpoint['settings'] = self._settings.document()
        checkpoint['rows'] = self.rows
        checkpoint['stopped'] = self.trainer.should_stop

    def _diverged(self, what: str) -> BaseException:
        if self.global_rank:
            return SystemExit(0)  # the first process reports it
        return TrainingError(
            f'{what}: the training has diverged. Lower the learning rate (it is {self._settings.learning_rate:g}) and '
            'train again in another folder; the last good checkpoint, if any, is kept.'
        )

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the metrics so far, and whether the training was stopped early.

        Raises
        ------
        TrainingError
            When the checkpoint is from another run.
        """
        if checkpoint.get('settings') != self._settings.document():
            raise TrainingError(
                'the checkpoint in the folder is from a run with other settings. Remove it; --resume then starts again.'
            )
        self.rows = list(checkpoint['rows'])
        self.trainer.should_stop = checkpoint['stopped']


def _logits(outputs: Any) -> torch.Tensor:
    logits: torch.Tensor = getattr(outputs, 'logits', outputs)
    return logits
