"""Table of the datasets with registered benchmarks, from which `registry` writes their plugin folders.

This module imports nothing heavy, for listings.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from m2m_benchmarks.benchmarks.identifiers import DERIVED_DIGITS, PAPER_DIGITS, DigitsIdentifier
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.data.citations import DEVRIES2020, SIEGLE2021
from m2m_benchmarks.data.digit_names import DERIVED, DERIVED_TEST, DERIVED_TRAIN, DOMAINS, stimulus_set_name
from m2m_benchmarks.data.made_here import SIMULATED_MOUSE


@dataclass(frozen=True)
class RecordedDataset:
    """Recordings, with a benchmark for every area and comparison.

    Attributes
    ----------
    folder : str
        Plugin folder of the dataset and of its benchmarks.
    title : str
        Kind and authors of the recordings.
    neuroids, animals : mapping
        Area to the number of its reliable neuroids, and of their animals; empty if that depends on the sessions that
        are fetched.
    all_animals : int or None
        Number of animals in all areas together.
    areas : tuple of str
    n_stimuli : int
    stimuli : str
        Kind of stimuli, for Brain-Score's metadata.
    datatype, species : str
    duration_ms : int or None
        Length of the response window; None if it differs between sessions.
    preprocessing : str
        How responses were computed and neuroids selected.
    bibtex : str
        Citation; empty for data that this package makes.
    simulated : bool
    public : bool
        Whether anybody can have the recordings.
    """

    folder: str
    title: str
    neuroids: Mapping[str, int]
    animals: Mapping[str, int]
    all_animals: int | None
    areas: tuple[str, ...]
    n_stimuli: int
    stimuli: str
    datatype: str
    species: str
    duration_ms: int | None
    preprocessing: str
    bibtex: str = ''
    simulated: bool = False
    public: bool = True


@dataclass(frozen=True)
class DigitsCollection:
    """Domains of digits, with a benchmark for every source and protocol.

    Attributes
    ----------
    folder : str
    title : str
    domains : tuple of str
        Domains that can be the source.
    targets : tuple of str
        Domains that can be the target.
    n_test : mapping
        Number of test images of each target.
    n_train : int or None
        Number of training images of the source; None if a readout is fitted to only some of them.
    same_digits : bool
        Whether all domains show the same digits in the same order.
    bibtex : str
    """

    folder: str
    title: str
    domains: tuple[str, ...]
    targets: tuple[str, ...]
    n_test: Mapping[str, int]
    n_train: int | None
    same_digits: bool
    bibtex: str = ''

    def targets_of(self, name: DigitsIdentifier) -> dict[str, str]:
        """Map the targets of a benchmark to their stimulus sets."""
        targets = (
            [name.target] if name.target is not None else [target for target in self.targets if target != name.source]
        )
        if name.collection == DERIVED_DIGITS:
            return {target: stimulus_set_name(DERIVED_DIGITS, target) for target in targets}
        return {target: stimulus_set_name(target, 'test') for target in targets}


RECORDINGS = {
    'deVries2020': RecordedDataset(
        folder='devries2020',
        title='2-photon recordings of de Vries et al. (2020)',
        neuroids={},
        animals={},
        all_animals=None,
        areas=AREAS,
        n_stimuli=118,
        stimuli='natural_scenes',
        datatype='calcium_imaging',
        species='mouse',
        duration_ms=None,
        preprocessing='dF/F in a response window after stimulus onset; cells of split-half Spearman-Brown reliability '
        '>= 0.5',
        bibtex=DEVRIES2020,
    ),
    'Siegle2021': RecordedDataset(
        folder='siegle2021',
        title='Neuropixels recordings of Siegle et al. (2021)',
        neuroids={'VISp': 816, 'VISl': 258, 'VISal': 493, 'VISpm': 388, 'VISam': 347, 'VISrl': 382},
        animals={'VISp': 10, 'VISl': 6, 'VISal': 6, 'VISpm': 6, 'VISam': 5, 'VISrl': 6},
        all_animals=22,
        areas=AREAS,
        n_stimuli=118,
        stimuli='natural_scenes',
        datatype='spikes',
        species='mouse',
        duration_ms=None,
        preprocessing='firing rate in a response window after stimulus onset, set per session; units of split-half '
        'Spearman-Brown reliability >= 0.5',
        bibtex=SIEGLE2021,
    ),
    SIMULATED_MOUSE: RecordedDataset(
        folder='simulated',
        title='Simulated recordings, known in closed form',
        neuroids=dict.fromkeys(AREAS, 96),
        animals=dict.fromkeys(AREAS, 4),
        all_animals=4,
        areas=AREAS,
        n_stimuli=118,
        stimuli='natural_image_patches',
        datatype='simulated',
        species='simulated',
        duration_ms=200,
        preprocessing='simulated responses with known noise; neuroids of split-half Spearman-Brown reliability >= 0.5',
        simulated=True,
    ),
}

DIGITS = {
    PAPER_DIGITS: DigitsCollection(
        folder='qazi2025',
        title='Digits of four domains (Qazi, Jalil & Iqbal 2025)',
        domains=tuple(DOMAINS),
        targets=tuple(DOMAINS),
        n_test={name: domain.n_test for name, domain in DOMAINS.items()},
        n_train=None,
        same_digits=False,
        bibtex="""@article{qazi2025mice,
  title={Mice to Machines: Neural Representations from Visual Cortex for Domain Generalization},
  author={Qazi, Ahmed and Jalil, Hamd and Iqbal, Asim},
  journal={arXiv preprint arXiv:2505.06886},
  year={2025}
}""",
    ),
    DERIVED_DIGITS: DigitsCollection(
        folder='sklearn_digits',
        title="scikit-learn's digits and five domains that this package derives from them",
        domains=(DERIVED_DIGITS,),
        targets=DERIVED,
        n_test=dict.fromkeys(DERIVED, DERIVED_TEST),
        n_train=DERIVED_TRAIN,
        same_digits=True,
    ),
}
