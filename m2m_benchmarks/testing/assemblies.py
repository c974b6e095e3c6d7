"""Assemblies in the form that Brain-Score's models return and its metrics accept, and responses as plain arrays."""

from collections.abc import Iterable, Sequence

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import BehavioralAssembly, NeuroidAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.data.store import load_assembly, load_stimuli


def neuroid_assembly(values: np.ndarray, stimulus_ids: Iterable[str] | None = None) -> NeuroidAssembly:
    """Make an assembly of responses.

    Parameters
    ----------
    values : array, shape (n_stimuli, n_neuroids)
    stimulus_ids : iterable of str, optional
        Names of the stimuli, one for each row; by default s000, s001 and so on.

    Returns
    -------
    NeuroidAssembly
        presentation x neuroid; all neuroids are in the region r.
    """
    n_stimuli, n_neuroids = values.shape
    ids = [f's{index:03d}' for index in range(n_stimuli)] if stimulus_ids is None else list(stimulus_ids)
    # Two coordinates for each dimension: with one, xarray makes no index with named levels.
    return NeuroidAssembly(
        values,
        coords={
            'stimulus_id': ('presentation', ids),
            'stimulus_index': ('presentation', np.arange(n_stimuli)),
            'neuroid_id': ('neuroid', np.arange(n_neuroids)),
            'region': ('neuroid', ['r'] * n_neuroids),
        },
        dims=['presentation', 'neuroid'],
    )


def responses_by_image(name: str) -> tuple[np.ndarray, list[str]]:
    """Read the responses of a dataset in the data folder.

    Parameters
    ----------
    name : str
        Identifier of the dataset.

    Returns
    -------
    responses : array, shape (n_repetitions, n_stimuli, n_neuroids)
        Responses in the first time bin; missing repetitions are NaN.
    stimulus_ids : list of str
        Names of the stimuli.
    """
    assembly = load_assembly(name)
    stimulus_ids = list(load_stimuli(name)['stimulus_id'])
    responses: np.ndarray = assembly.values[..., 0].reshape(-1, len(stimulus_ids), assembly.sizes['neuroid'])
    return responses, stimulus_ids


def label_assembly(stimuli: StimulusSet, labels: Sequence[object]) -> BehavioralAssembly:
    """Make the answer of a Brain-Score model to the task `label`.

    Parameters
    ----------
    stimuli : StimulusSet
        Stimuli with the column `image_label`.
    labels : sequence
        Label chosen for each stimulus.

    Returns
    -------
    BehavioralAssembly
        choice x presentation, with one choice.
    """
    return BehavioralAssembly([labels], coords=_presentations(stimuli), dims=['choice', 'presentation'])


def probability_assembly(
    stimuli: StimulusSet, labels: Sequence[str], choices: Iterable[str] = '0123456789'
) -> BehavioralAssembly:
    """Make an answer of a Brain-Score model to the task `probabilities`.

    Parameters
    ----------
    stimuli : StimulusSet
        Stimuli with the column `image_label`.
    labels : sequence of str
        Most probable label for each stimulus.
    choices : iterable of str
        All labels, in the order of the columns.

    Returns
    -------
    BehavioralAssembly
        presentation x choice: 0.5 for the label, random numbers below 0.4 for all others.
    """
    choices = list(choices)
    values = np.random.default_rng(0).uniform(0, 0.4, (len(labels), len(choices)))
    for row, label in zip(values, labels, strict=True):
        row[choices.index(label)] = 0.5
    coords = {**_presentations(stimuli), 'choice': choices}
    return BehavioralAssembly(values, coords=coords, dims=['presentation', 'choice'])


def _presentations(stimuli: StimulusSet) -> dict[str, tuple[str, np.ndarray]]:
    return {
        'stimulus_id': ('presentation', stimuli['stimulus_id'].to_numpy()),
        'truth': ('presentation', stimuli['image_label'].to_numpy()),
    }
