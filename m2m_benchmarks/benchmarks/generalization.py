"""Benchmarks of domain generalization: fitted to one source domain, accuracy on other domains.

There are two protocols:

- ``accuracy``: for models that were trained on the source. The model labels each image of the test splits (task
  `label`).
- ``readout_accuracy``: for any model. A linear readout is fitted to the first 2,000 training images of the source (task
  `probabilities` with `fitting_stimuli`), and tested on the first 2,000 test images of each domain.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from brainscore_core.metrics import Score
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from brainscore_vision.benchmarks import BenchmarkBase
from brainscore_vision.model_interface import BrainModel
from sklearn.metrics import confusion_matrix

from m2m_benchmarks.arrays import accuracy_draws, standard_error, wilson_interval
from m2m_benchmarks.benchmarks.datasets import DIGITS
from m2m_benchmarks.benchmarks.identifiers import OWN_TARGET, DigitsIdentifier, parse
from m2m_benchmarks.data.digit_names import stimulus_set_name
from m2m_benchmarks.data.versions import Version, version_of
from m2m_benchmarks.errors import BenchmarkError, DataNotFoundError
from m2m_benchmarks.plugins import load_stimulus_set

LABELS = [str(digit) for digit in range(10)]
CHANCE = 1 / len(LABELS)
#: Number of images of a split for fitting and for testing the readout.
READOUT_IMAGES = 2_000
#: Number of images that a model is shown at once.
_CHUNK = 500


class GeneralizationBenchmark(BenchmarkBase):
    """Accuracy on target domains of a model that was fitted to one source domain.

    Parameters
    ----------
    name : DigitsIdentifier
        Name of the benchmark, whose source has the stimulus sets SOURCE_train and SOURCE_test.
    targets : mapping
        Target to the name of its stimulus set.
    bibtex : str
    same_digits : bool
        Whether all domains show the same digits in the same order. If so, they are drawn together for the error of the
        score; if not, the targets are treated as independent.

    Raises
    ------
    BenchmarkError
        When the source is among the targets.
    DataNotFoundError
        When domains aren't on this machine; the message has the commands that bring them.
    """

    def __init__(
        self,
        name: DigitsIdentifier,
        targets: Mapping[str, str],
        bibtex: str = '',
        same_digits: bool = False,
    ) -> None:
        source, protocol = name.source, name.protocol
        super().__init__(identifier=str(name), ceiling_func=None, version=1, parent=name.parent, bibtex=bibtex)
        self.name = name
        if source in targets:
            raise BenchmarkError(OWN_TARGET.format(source))
        self.source = source
        self.protocol = protocol
        self.same_digits = same_digits
        #: Progress callback; see `progress.Progress`.
        self.report: Callable[[str, int, int], None] = lambda what, done, total: None
        readout = protocol == 'readout_accuracy'
        names = {source: stimulus_set_name(source, 'test'), **targets}
        if readout:
            names = {'fitting': stimulus_set_name(source, 'train'), **names}
        stimulus_sets = _load(names)
        if readout:
            stimulus_sets = {domain: _subset(stimuli, 0, READOUT_IMAGES) for domain, stimuli in stimulus_sets.items()}
        self.fitting_stimuli: StimulusSet | None = stimulus_sets.pop('fitting', None)
        #: Test images of the source, then of the targets.
        self.stimuli: dict[str, StimulusSet] = stimulus_sets

    @property
    def versions(self) -> list[Version]:
        """Version of each dataset that the images are of; empty for Brain-Score's own storage."""
        return _versions([*([] if self.fitting_stimuli is None else [self.fitting_stimuli]), *self.stimuli.values()])

    @property
    def targets(self) -> list[str]:
        """Names of the target domains."""
        return [name for name in self.stimuli if name != self.source]

    @property
    def sha256(self) -> str:
        """SHA-256 of the names of all stimulus sets, which contain the versions of their data."""
        stimulus_sets = [*([] if self.fitting_stimuli is None else [self.fitting_stimuli]), *self.stimuli.values()]
        return hashlib.sha256(' '.join(str(stimuli.identifier) for stimuli in stimulus_sets).encode()).hexdigest()

    @property
    def ceiling(self) -> Score:
        """Ceiling of 1, as all labels are known."""
        return Score(1.0)

    def __call__(self, candidate: BrainModel) -> Score:
        """Score a model.

        Returns
        -------
        Score
            Mean accuracy over the targets, from 0 to 1; chance is 0.1. Attributes: `in_domain` and, for each of
            `targets`, the accuracy with its 95 % Wilson interval (clustered if images share a photo), the numbers
            of images and clusters, and `confusion` (images of each digit, in rows, by their label from the model);
            `generalization_gap` (in-domain accuracy less the score); `error` (bootstrap over
            clusters of images), `draws`, `target_draws`, `raw`, `ceiling`, `chance`,
            `n_seeds`, `formula`.

        Raises
        ------
        BenchmarkError
            When the model's answers aren't labels of the images.
        """
        if self.fitting_stimuli is None:
            candidate.start_task(BrainModel.Task.label, LABELS)
        else:
            self.report(f'{self.source}: fitting', 0, 1)
            candidate.start_task(BrainModel.Task.probabilities, self.fitting_stimuli)
            self.report(f'{self.source}: fitting', 1, 1)
        answers = {name: self._answers(candidate, name) for name in self.stimuli}
        digits = {name: stimuli['image_label'].to_numpy() for name, stimuli in self.stimuli.items()}
        clusters = {name: stimuli['cluster'].to_numpy() for name, stimuli in self.stimuli.items()}
        described = {name: _describe(answers[name], digits[name], clusters[name]) for name in answers}
        # The draws of a domain are the same for every model.
        draws = {
            name: accuracy_draws(answers[name] == digits[name], clusters[name], seed=0 if self.same_digits else i)
            for i, name in enumerate(answers)
        }
        mean = float(np.mean([described[name]['accuracy'] for name in self.targets]))
        score = Score(mean)
        score.attrs[Score.RAW_VALUES_KEY] = Score(mean)
        score.attrs['ceiling'] = self.ceiling
        score.attrs['target_draws'] = {'in-domain': draws.pop(self.source), **draws}
        score.attrs['draws'] = np.mean(list(draws.values()), axis=0)
        score.attrs['error'] = standard_error(score.attrs['draws'])
        score.attrs.update(
            benchmark_identifier=self.identifier,
            formula=f'share of correct labels, mean over the targets; chance is {CHANCE}',
            source=self.source,
            protocol=self.protocol,
            in_domain=described[self.source],
            targets={name: described[name] for name in self.targets},
            generalization_gap=described[self.source]['accuracy'] - mean,
            chance=CHANCE,
            n_seeds=1,
            n_stimuli=sum(len(self.stimuli[name]) for name in self.targets),
        )
        return score

    def _answers(self, candidate: BrainModel, name: str) -> np.ndarray:
        """Label that a model gives each image of a domain."""
        stimuli, answers = self.stimuli[name], []
        for start in range(0, len(stimuli), _CHUNK):
            part = _subset(stimuli, start, start + _CHUNK)
            answer = candidate.look_at(part)
            with _answer_errors(self.identifier):
                answers.append(_labels(answer, part, self.fitting_stimuli is not None))
            self.report(f'{name}: images', min(start + _CHUNK, len(stimuli)), len(stimuli))
        return np.concatenate(answers)


def digits_benchmark(identifier: str | DigitsIdentifier) -> GeneralizationBenchmark:
    """Make a benchmark of one of this library's collections of digits.

    Raises
    ------
    BenchmarkError, DataNotFoundError
        See `GeneralizationBenchmark`.
    """
    name = parse(identifier) if isinstance(identifier, str) else identifier
    assert isinstance(name, DigitsIdentifier)
    collection = DIGITS[name.collection]
    return GeneralizationBenchmark(name, collection.targets_of(name), collection.bibtex, collection.same_digits)


def _load(names: Mapping[str, str]) -> dict[str, StimulusSet]:
    """Load stimulus sets, by domain; those of one dataset are of one version.

    Raises
    ------
    DataNotFoundError
        When domains aren't on this machine; the message has the commands that bring them.
    """
    while True:
        stimulus_sets: dict[str, StimulusSet] = {}
        missing = []
        for domain, stimulus_set in names.items():
            try:
                stimulus_sets[domain] = load_stimulus_set(stimulus_set)
            except DataNotFoundError as error:
                missing.append(str(error))
        if missing:
            raise DataNotFoundError('\n'.join(dict.fromkeys(missing)))
        versions = _versions(stimulus_sets.values())
        # A dataset that was replaced in between is loaded again.
        if len(versions) == len({version.name for version in versions}):
            return stimulus_sets


def _versions(stimulus_sets: Iterable[StimulusSet]) -> list[Version]:
    """List the versions of stimulus sets, each once."""
    versions = (version_of(stimuli) for stimuli in stimulus_sets)
    return list(dict.fromkeys(version for version in versions if version is not None))


def _subset(stimuli: StimulusSet, start: int, stop: int) -> StimulusSet:
    """Select stimuli. The subset gets its own identifier, under which Brain-Score stores activations."""
    if start == 0 and stop >= len(stimuli):
        return stimuli
    subset = StimulusSet(stimuli.iloc[start:stop].reset_index(drop=True))
    subset.stimulus_paths = stimuli.stimulus_paths
    subset.identifier = f'{stimuli.identifier}_{start}_{start + len(subset)}'
    return subset


def _labels(answer: Any, stimuli: StimulusSet, readout: bool) -> np.ndarray:
    """Extract the label of each stimulus from a model's answer, in the order of the stimuli.

    Raises
    ------
    ValueError
        When the answer isn't a label for each stimulus.
    """
    dims = getattr(answer, 'dims', ())
    if len(dims) != 2 or set(dims) != {'presentation', 'choice'}:
        actual = f'{type(answer).__name__}{f" of {dims}" if dims else ""}'
        raise ValueError(f'answers with {actual}; expected an assembly of presentation x choice')
    answer = answer.transpose('presentation', 'choice')
    if len(answer) != len(stimuli):
        raise ValueError(f'answers for {len(answer)} of {len(stimuli)} images; expected all of them')
    labels = _most_probable(answer) if readout else _single_labels(answer)
    unknown = sorted(set(labels) - set(LABELS))
    if unknown:
        raise ValueError(f'answers with the label {unknown[0]!r}; expected {", ".join(LABELS)}')
    shown = stimuli['stimulus_id'].to_numpy()
    answered = _answered_stimuli(answer, shown)
    if answered is not None:
        index = {stimulus: i for i, stimulus in enumerate(answered)}
        missing = [stimulus for stimulus in shown if stimulus not in index]
        if missing:
            raise ValueError(f'does not answer for {missing[0]}; expected an answer for each image')
        labels = labels[[index[stimulus] for stimulus in shown]]
    return labels


def _single_labels(answer: Any) -> np.ndarray:
    if answer.shape[1] != 1:
        raise ValueError(f'answers with {answer.shape[1]} choices for an image; expected one label')
    labels: np.ndarray = answer.values[:, 0].astype(str)
    return labels


def _most_probable(answer: Any) -> np.ndarray:
    try:
        values = answer.values.astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(f'answers with {answer.values.dtype.name}; expected probabilities') from error
    if not np.isfinite(values).all():
        raise ValueError('answers with probabilities that are not finite; expected finite numbers')
    if 'choice' not in answer.indexes:
        raise ValueError('answers without names of the choices; expected them as a coordinate named choice')
    labels: np.ndarray = np.asarray(answer['choice'].values).astype(str)[values.argmax(axis=1)]
    return labels


def _answered_stimuli(answer: Any, shown: np.ndarray) -> np.ndarray | None:
    """Stimulus of each presentation; None if the answer doesn't contain it.

    Brain-Score's assemblies turn all coordinates of a dimension into an index, whose levels are not among the
    coordinates; a single level loses its name.
    """
    if 'stimulus_id' in answer.coords:
        return np.asarray(answer['stimulus_id'].values)
    index = answer.indexes.get('presentation')
    if index is None:
        return None
    if 'stimulus_id' in index.names:
        return np.asarray(index.get_level_values('stimulus_id'))
    return np.asarray(index) if index.isin(shown).any() else None


@contextlib.contextmanager
def _answer_errors(identifier: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise BenchmarkError(f'{identifier}: the model {error}.') from error


def _describe(answers: np.ndarray, digits: np.ndarray, clusters: np.ndarray) -> dict[str, Any]:
    correct = answers == digits
    low, high = wilson_interval(correct, clusters)
    return {
        'accuracy': float(np.mean(correct)),
        'interval': [low, high],
        'n_images': len(correct),
        'n_clusters': len(np.unique(clusters)),
        'confusion': confusion_matrix(digits, answers, labels=LABELS).tolist(),
    }
