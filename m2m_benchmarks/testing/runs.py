"""Folders of training runs, as if a network had been trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from m2m_benchmarks.scoring import runs

if TYPE_CHECKING:  # it takes a second to import
    from m2m_benchmarks.models.neurn.model import Network


def write_trained(
    folder: str | Path,
    identifier: str,
    network: 'Network',
    source: str = 'MNIST',
    classes: Sequence[str] = '0123456789',
    seed: int = 0,
) -> runs.Run:
    """Write the folder of a run.

    Parameters
    ----------
    folder : path
        Place of the run; it is made.
    identifier : str
        Identifier of the network, such as 'plain_digitnet'.
    network : Network
        Whose weights the run ended with.
    source : str
        The domain that it was trained on.
    classes : sequence of str
        What its outputs stand for, in their order.
    seed : int
        Seed of the run.

    Returns
    -------
    Run
        As `read_run` gives it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True)
    runs.write_config(folder, {'model': identifier, 'dataset': source, 'seed': seed, 'steps': 1})
    data = {'name': source, 'classes': list(classes), 'sha256': 'x', 'n_train': 1, 'n_validation': 1}
    result = {'steps': 1, 'train_loss': 1.0, 'validation_accuracy': None}
    metrics = [{'step': 1, 'train_loss': 1.0}]
    return runs.write_run(folder, network.backbone.state_dict(), metrics, result, data, {})
