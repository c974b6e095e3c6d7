"""The network, its loss and what is kept of its training, as lightning takes them."""

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

#: Steps that a row of training losses is the mean of.
LOSS_EVERY = 100
_VALIDATION_BATCH = 250
#: Weight of Inception's auxiliary output, as its authors and torchvision train it.
_AUXILIARY = 0.4


class TrainingModule(lightning.LightningModule):
    """A network of the family on a source.

    An epoch, as lightning counts them, is one interval of the settings: it ends with a validation and a checkpoint.

    Parameters
    ----------
    network : Network
    source : Source
    settings : Settings
    workers : int
        Processes that load images.
    """

    def __init__(self, network: Network, source: Source, settings: Settings, workers: int = 0) -> None:
        super().__init__()
        self.network = network.train()  # lightning leaves it as it comes
        self.rows: list[dict[str, Any]] = []
        self._source = source
        self._settings = settings
        self._workers = workers
        self._losses: list[torch.Tensor] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam with a constant rate."""
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
        """The steps up to the end of the interval."""
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
        """Held-out images of the source."""
        places = np.arange(self._source.n_validation)[self.global_rank :: self.trainer.world_size]
        batches = [(0, places[first : first + _VALIDATION_BATCH]) for first in range(0, len(places), _VALIDATION_BATCH)]
        return self._loader(self._source.validation, batches)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Make what is drawn in a step, dropout say, depend on the seed and the step alone."""
        seed = np.random.SeedSequence([self._settings.seed, self.global_step, self.global_rank])
        torch.manual_seed(int(seed.generate_state(1)[0]))

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """Cross entropy of a batch.

        Raises
        ------
        TrainingError
            When it isn't finite.
        """
        images, labels = batch
        outputs = self._outputs(images)
        auxiliary = getattr(outputs, 'aux_logits', None)
        loss = functional.cross_entropy(_logits(outputs), labels)
        if auxiliary is not None:
            loss = loss + _AUXILIARY * functional.cross_entropy(auxiliary, labels)
        # Of all processes, so that all of them see it go wrong.
        mean = self.trainer.strategy.reduce(loss.detach(), reduce_op='mean')
        if not math.isfinite(mean.item()):
            raise self._diverged(f'the loss is {mean.item()} at step {self.global_step + 1}')
        self._losses.append(mean)
        return loss

    def _outputs(self, images: torch.Tensor) -> Any:
        # In the type of the network, which is another one under 'bf16-true', say.
        images = images.to(self.network.mean.dtype) / 255
        try:
            return self.network(images)
        except ValueError as error:
            if not self.network.after:
                raise
            # Inside a network, NeuRN is the first to meet what isn't finite.
            raise self._diverged(f'{error} at step {self.global_step + 1}') from error

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Keep a row of the training loss."""
        if self.global_step % LOSS_EVERY == 0 or self.global_step == self._settings.steps:
            self._keep_loss()

    def _keep_loss(self) -> None:
        if self._losses:
            self.rows.append(
                {'step': self.global_step, 'train_loss': round(float(torch.stack(self._losses).mean()), 6)}
            )
            self._losses.clear()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Loss and accuracy on images that aren't trained on."""
        images, labels = batch
        logits = _logits(self._outputs(images))
        correct = (logits.argmax(dim=1) == labels).float().mean()
        loss = functional.cross_entropy(logits, labels)
        for name, value in (('validation_loss', loss), ('validation_accuracy', correct)):
            self.log(name, value, batch_size=len(labels), sync_dist=self.trainer.world_size > 1)

    def on_validation_epoch_end(self) -> None:
        """Keep a row of it.

        Raises
        ------
        TrainingError
            When the loss isn't finite.
        """
        self._keep_loss()
        found = self.trainer.callback_metrics
        if not math.isfinite(found['validation_loss']):
            raise self._diverged(
                f'the loss on held-out images is {found["validation_loss"]} at step {self.global_step}'
            )
        row = {name: round(float(found[name]), 6) for name in ('validation_loss', 'validation_accuracy')}
        if self.rows and self.rows[-1]['step'] == self.global_step:
            self.rows[-1].update(row)
        else:
            self.rows.append({'step': self.global_step, **row})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put into the checkpoint what it is of and the rows so far, and refuse weights that are of no use.

        Raises
        ------
        TrainingError
            When a weight isn't finite: the checkpoint before stays.
        """
        for name, value in self.network.state_dict().items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                raise self._diverged(f'{name} is not finite at step {self.global_step}')
        checkpoint['settings'] = self._settings.document()
        checkpoint['rows'] = self.rows
        checkpoint['stopped'] = self.trainer.should_stop

    def _diverged(self, what: str) -> BaseException:
        if self.global_rank:
            return SystemExit(0)  # the first process says so
        return TrainingError(
            f'{what}: the training has diverged. Lower the learning rate (it is {self._settings.learning_rate:g}) and '
            'train again in another folder; the last good checkpoint, if there was one, is kept.'
        )

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the rows so far, or with nothing where the training had been stopped early.

        Raises
        ------
        TrainingError
            When the checkpoint is that of another run.
        """
        if checkpoint.get('settings') != self._settings.document():
            raise TrainingError(
                'the checkpoint in the folder is of a run with other settings. Remove it; --resume then begins anew.'
            )
        self.rows = list(checkpoint['rows'])
        self.trainer.should_stop = checkpoint['stopped']


def _logits(outputs: Any) -> torch.Tensor:
    logits: torch.Tensor = getattr(outputs, 'logits', outputs)
    return logits
