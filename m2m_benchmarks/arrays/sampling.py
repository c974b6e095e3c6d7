"""Bootstrap draws of stimuli and animals, the same for every candidate."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

N_DRAWS = 1000
#: Names of the three bootstraps, in the order of the rows of a comparison's draws.
FACTORS = ('both', 'animals', 'stimuli')
#: Random streams of the two factors.
_STIMULI, _ANIMALS, _NEUROIDS, _HALVES = range(4)


@dataclass(frozen=True, eq=False)  # so that what is computed for a sample can be kept under it
class Sample:
    """Draws of an experiment: how often each stimulus and each neuroid is in each draw.

    Attributes
    ----------
    stimuli : array of int, shape (n_draws, n_stimuli)
    neuroids : array of int, shape (n_draws, n_neuroids)
        Number of times that each draw contains each neuroid. All neuroids of an animal are drawn together; where there
        is one animal, its neuroids are drawn.
    n_animals : int
        Number of units of the second factor: of animals, or of neuroids where there is one animal.
    """

    stimuli: np.ndarray
    neuroids: np.ndarray
    n_animals: int

    def __len__(self) -> int:
        return len(self.stimuli)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the counts of stimuli and neuroids of each draw."""
        return zip(self.stimuli, self.neuroids, strict=True)

    def __getitem__(self, mask: np.ndarray) -> 'Sample':
        """Select some of the neuroids, in the same draws."""
        return replace(self, neuroids=self.neuroids[:, mask])

    def sha256(self, order: np.ndarray | None = None) -> str:
        """SHA-256 of the draws, with the neuroids in some order."""
        neuroids = self.neuroids if order is None else self.neuroids[:, order]
        counts = [np.ascontiguousarray(values, dtype='<i8') for values in (self.stimuli, neuroids)]
        shapes = repr([values.shape for values in counts]).encode()
        return hashlib.sha256(b''.join([shapes, *(values.tobytes() for values in counts)])).hexdigest()


def draw_sample(
    n_stimuli: int,
    animals: np.ndarray,
    cohort: Sequence[str] = (),
    halves: np.ndarray | None = None,
    repeat_stimuli: bool = True,
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> Sample:
    """Draw stimuli and animals with replacement.

    Draws that depend on the seed and on names only are the same in all areas of a dataset and for all candidates.

    Parameters
    ----------
    n_stimuli : int
    animals : array of str, shape (n_neuroids,)
        Animal of each neuroid.
    cohort : sequence of str
        Animals to draw from, such as all of a dataset; by default those of the neuroids. In an area that was recorded
        in some of them, the number of animals in a draw varies.
    halves : bool array, shape (n_neuroids,), optional
        Mask of the first of two halves of the neuroids that are scored separately; each has an animal in each draw.
    repeat_stimuli : bool
        Whether a stimulus may be in a draw several times. If not, each draw is a random half of the stimuli, whose
        spread is the error of the value for all stimuli (delete-half jackknife; Shao & Wu 1989, Annals of Statistics
        17(3)).
    n_draws : int
    seed : int

    Returns
    -------
    Sample
    """
    animals = np.asarray(animals).astype(str)
    groups = [np.ones(len(animals), dtype=bool)] if halves is None else [halves, ~halves]
    if repeat_stimuli:
        drawn = np.random.default_rng([seed, _STIMULI]).integers(0, n_stimuli, (n_draws, n_stimuli))
        stimuli = np.array([np.bincount(draw, minlength=n_stimuli) for draw in drawn]).reshape(n_draws, n_stimuli)
    else:
        rng = np.random.default_rng([seed, _HALVES])
        stimuli = np.zeros((n_draws, n_stimuli), dtype=int)
        for draw in stimuli:
            draw[rng.permutation(n_stimuli)[: n_stimuli // 2]] = 1
    names, members = np.unique(np.concatenate([animals, np.asarray(cohort, dtype=str)]), return_inverse=True)
    members = members[: len(animals)]
    several = [group for group in groups if len(np.unique(members[group])) > 1]
    neuroids = np.empty((n_draws, len(animals)), dtype=int)
    for number in range(n_draws):
        # A stream for each draw: one that is drawn again in an area is the same as before in the others.
        rng = np.random.default_rng([seed, _ANIMALS, number])
        while True:
            counts = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))[members]
            if all(counts[group].any() for group in several):
                break
        neuroids[number] = counts
    rng = np.random.default_rng([seed, _NEUROIDS])
    for group in groups:
        n_neuroids = int(group.sum())
        if len(np.unique(members[group])) == 1:
            drawn = rng.integers(0, n_neuroids, (n_draws, n_neuroids))
            neuroids[:, group] = [np.bincount(draw, minlength=n_neuroids) for draw in drawn]
    own = len(np.unique(members))
    return Sample(stimuli, neuroids, own if own > 1 else len(animals))


def different_animals(sample: Sample, animals: np.ndarray) -> np.ndarray:
    """Count the different animals in each draw.

    Parameters
    ----------
    sample : Sample
    animals : array of str, shape (n_neuroids,)
        Animal of each neuroid.

    Returns
    -------
    array of int, shape (n_draws,)
        1 in all draws where there is one animal, whose neuroids are drawn.
    """
    names, first = np.unique(np.asarray(animals).astype(str), return_index=True)
    if len(names) == 1:
        return np.ones(len(sample), dtype=int)
    number: np.ndarray = np.count_nonzero(sample.neuroids[:, first], axis=1)
    return number


def at_equal_numbers(draws: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Take out of bootstrap draws what depends linearly on how many different animals they have.

    A draw with replacement has fewer different animals than the experiment, some draws many fewer. Where responses of
    animals are pooled, as in an RDM, fewer of them give a lower value. That number doesn't differ between experiments
    of one size, so that what it does to the draws is no error. Means over animals or neuroids don't depend on it.

    Parameters
    ----------
    draws : array, shape (3, n_draws)
        Values on draws of both factors, of animals, and of stimuli.
    number : array of int, shape (n_draws,)
        Number of different animals in each draw.

    Returns
    -------
    array, shape (3, n_draws)
        Draws with the same means; those of stimuli, which have all animals, as they are.

    Notes
    -----
    Least squares on the number, as for a control variate (Glasserman 2003, Monte Carlo Methods in Financial
    Engineering, section 4.1).
    """
    centred = number - np.mean(number)
    squares = centred @ centred
    if squares == 0:
        return draws
    slopes = draws[:2] @ centred / squares
    return np.concatenate([draws[:2] - np.outer(slopes, centred), draws[2:]])
