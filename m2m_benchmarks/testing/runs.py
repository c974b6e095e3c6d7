"""Folders of training runs, written without training."""

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
        Folder of the run; it must not exist.
    identifier : str
        Identifier of the network, such as 'plain_digitnet'.
    network : Network
        Network with the final weights of the run.
    source : str
        Domain that the run was trained on.
    classes : sequence of str
        Class of each output.
    seed : int
        Random seed of the run.

    Returns
    -------
    Run
        The run, as `read_run` returns it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True)
    runs.write_config(folder, {'model': identifier, 'dataset': source, 'seed': seed, 'steps': 1})
    data = {'name': source, 'classes': list(classes), 'sha256': 'x', 'n_train': 1, 'n_validation': 1}
    result = {'steps': 1, 'train_loss': 1.0, 'validation_accuracy': None}
    metrics = [{'step': 1, 'train_loss': 1.0}]
    return runs.write_run(folder, network.backbone.state_dict(), metrics, result, data, {})
