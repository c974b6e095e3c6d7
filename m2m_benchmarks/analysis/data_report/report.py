"""The report on a dataset of recordings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from m2m_benchmarks.analysis.data_report.areas import Area, PopulationCount, areas, neuroid_table, population_counts
from m2m_benchmarks.analysis.data_report.ceilings import AreaCeilings, area_ceilings
from m2m_benchmarks.analysis.data_report.recordings import Recording, summarize
from m2m_benchmarks.analysis.data_report.responses import ImageResponses, image_responses
from m2m_benchmarks.analysis.data_report.standouts import StandOut, stand_outs
from m2m_benchmarks.arrays import rdm
from m2m_benchmarks.data.cards import card, require_recordings
from m2m_benchmarks.data.made_here import MADE_HERE
from m2m_benchmarks.plugins import load_dataset
from m2m_benchmarks.progress import Progress, silent

#: Most images in the RDM of an area; of more, as many are taken, evenly spaced.
MOST_IN_RDM = 500


@dataclass(frozen=True, eq=False)
class DataReport:
    """What a lab wants to see before it trusts its recordings.

    Attributes
    ----------
    name, what : str
        Name of the dataset, and what it is.
    sha256 : str
        SHA-256 of the assembly's file.
    simulated : str
        Sentence on a dataset that this library makes; '' for others.
    stimulus_ids : list of str
    n_repetitions, n_animals : int
        Largest number of repetitions, and number of animals in all areas.
    areas : list of Area
    populations : list of PopulationCount
    recordings : list of Recording
    stand_outs : list of StandOut
    ceilings : list of AreaCeilings
        Ceilings of each area.
    rdms : dict of str to array
        RDM of each area that has a ceiling: 1 - Pearson over its reliable neuroids.
    responses : list of ImageResponses
        Those of each area that has a ceiling.
    pictures : mapping of str to Path
        File of each image, which is checked when its path is taken.
    """

    name: str
    what: str
    sha256: str
    simulated: str
    stimulus_ids: list[str]
    n_repetitions: int
    n_animals: int
    areas: list[Area]
    populations: list[PopulationCount]
    recordings: list[Recording]
    stand_outs: list[StandOut]
    ceilings: list[AreaCeilings]
    rdms: dict[str, np.ndarray]
    responses: list[ImageResponses]
    pictures: Mapping[str, Path] = field(repr=False)

    @property
    def n_neuroids(self) -> int:
        """Number of neuroids of all areas."""
        return sum(area.n_neuroids for area in self.areas)

    def outstanding(self) -> list[Recording]:
        """List the recordings that stand out, each once."""
        return list({id(reason.recording): reason.recording for reason in self.stand_outs}.values())

    def presentations(self) -> np.ndarray:
        """Count the presentations of each image in each recording, shape (n_recordings, n_stimuli)."""
        return np.array([one.presentations for one in self.recordings])

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON, without RDMs."""
        return {
            'name': self.name,
            'sha256': self.sha256,
            'stimuli': len(self.stimulus_ids),
            'repetitions': self.n_repetitions,
            'animals': self.n_animals,
            'areas': [
                {
                    'area': area.name,
                    'neuroids': area.n_neuroids,
                    'reliable': area.n_reliable,
                    'animals': area.n_animals,
                    'recordings': area.n_recordings,
                    'reliabilities': area.reliabilities.tolist(),
                    'ceilings': _ceiling_document(own),
                }
                for area, own in zip(self.areas, self.ceilings, strict=True)
            ],
            'populations': [vars(population) for population in self.populations],
            'recordings': [_recording_document(one) for one in self.recordings],
            'stand_outs': [
                {
                    **{name: getattr(reason.recording, name) for name in ('area', 'animal', 'session')},
                    **{name: getattr(reason, name) for name in ('measure', 'reason', 'units')},
                }
                for reason in self.stand_outs
            ],
            'images': self.stimulus_ids,
            'responses': {
                own.area: dict(zip(own.stimulus_ids, own.means.tolist(), strict=True)) for own in self.responses
            },
        }


def _ceiling_document(own: AreaCeilings) -> dict[str, Any]:
    names = ('population', 'trials', 'animals', 'bounds', 'regression', 'reason')
    return {name: getattr(own, name) for name in names}


def _recording_document(one: Recording) -> dict[str, Any]:
    return {**vars(one), 'presentations': one.presentations.tolist(), 'repetitions': one.repetitions}


def data_report(name: str, progress: Progress | None = None) -> DataReport:
    """Compute the report on recordings that are on this machine, or that this library makes.

    Parameters
    ----------
    name : str
        Dataset of recordings.
    progress : callable, optional

    Raises
    ------
    UnknownNameError
        When there is no dataset of this name.
    DataNotFoundError
        When it isn't on this machine; the message has the command that brings it.
    DataError
        When it has no recordings but digits, or a file is damaged.
    """
    report = progress or silent
    require_recordings(name)
    report('reading the recordings', 0, 1)
    assembly = load_dataset(name)
    report('reading the recordings', 1, 1)
    n_repetitions = len(np.unique(assembly['repetition'].values))
    neuroids = neuroid_table(assembly, n_repetitions)
    counted = areas(neuroids)
    recordings = summarize(assembly, progress)
    ceilings = []
    for number, area in enumerate(counted):
        report('ceilings', number, len(counted))
        ceilings.append(area_ceilings(name, area.name, assembly))
    report('ceilings', len(counted), len(counted))
    scored = [(own.area, own.recordings) for own in ceilings if own.recordings is not None]
    stimuli = assembly.attrs['stimulus_set']
    return DataReport(
        name,
        (card(name) or {}).get('what', ''),
        assembly.attrs.get('sha256', ''),
        MADE_HERE.get(name, ''),
        assembly['stimulus_id'].values.astype(str)[: len(recordings[0].presentations)].tolist(),
        n_repetitions,
        neuroids['animal'].nunique(),
        counted,
        population_counts(neuroids, [area.name for area in counted]),
        recordings,
        stand_outs(recordings, n_repetitions),
        ceilings,
        {area: rdm(_few(recorded.mean.values)) for area, recorded in scored},
        [image_responses(area, recorded) for area, recorded in scored],
        stimuli.stimulus_paths,
    )


def _few(values: np.ndarray) -> np.ndarray:
    """Take at most `MOST_IN_RDM` stimuli, evenly spaced."""
    n = len(values)
    few: np.ndarray = values[np.unique(np.linspace(0, n - 1, min(n, MOST_IN_RDM)).astype(int))]
    return few
