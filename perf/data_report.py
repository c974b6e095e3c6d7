"""Count how often a recording stands out in `m2m data report`, with and without an odd one among them.

Each simulated dataset has areas with one tuning each, and recordings that differ as sessions do: in the number of
neuroids, their rates, the strength of the tuning and the number of presentations. Spikes are Poisson.

    python perf/data_report.py --datasets 200
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from m2m_benchmarks.analysis.data_report.recordings import Recording, agreements, distances, recording
from m2m_benchmarks.analysis.data_report.standouts import StandOut, stand_outs
from m2m_benchmarks.arrays import split_half_reliability
from m2m_benchmarks.data.trials import is_scored

N_STIMULI, N_LATENT, N_REPETITIONS = 40, 8, 12
#: Numbers of neuroids of a recording.
NEUROIDS = (20, 60)
#: Spreads (standard deviations of logarithms): of the rates of neuroids, and of rates and tuning between recordings.
UNITS, SESSIONS = 1.0, 0.25
#: Mean rate in spikes/s, response window in seconds, and spread of the rates of a neuroid over images.
RATE, WINDOW, TUNING = 8.0, 0.2, 0.5
#: Numbers of areas, and of recordings of each.
DESIGNS = ((1, 4), (1, 6), (1, 10), (2, 5), (6, 4), (6, 6), (6, 12))
#: Design of the datasets with an odd recording.
WITH_ODD = (6, 6)


@dataclass(frozen=True)
class Session:
    """Parameters of a recording: neuroids, presentations, gain, tuning, window in seconds, order of the images."""

    n_neuroids: int
    n_repetitions: int
    gain: float
    tuning: float
    window: float
    order: np.ndarray


def draw_session(rng: np.random.Generator) -> Session:
    """Draw the parameters of an ordinary recording."""
    gain, tuning = np.exp(SESSIONS * rng.standard_normal(2))
    n_repetitions = int(rng.integers(N_REPETITIONS - 2, N_REPETITIONS + 1))
    n_neuroids = int(rng.integers(NEUROIDS[0], NEUROIDS[1] + 1))
    return Session(n_neuroids, n_repetitions, gain, TUNING * tuning, WINDOW, np.arange(N_STIMULI))


#: What is odd about a recording, to the function that changes its parameters.
ODD: dict[str, Callable[[Session, np.random.Generator], Session]] = {
    'window of 10 ms in place of 200 ms': lambda own, rng: replace(own, window=0.01),
    'images in another order': lambda own, rng: replace(own, order=rng.permutation(N_STIMULI)),
    'a tenth of the spikes': lambda own, rng: replace(own, gain=own.gain / 10),
    'four presentations in place of 12': lambda own, rng: replace(own, n_repetitions=4),
    'no tuning': lambda own, rng: replace(own, tuning=0.0),
}


def dataset(rng: np.random.Generator, n_areas: int, n_recordings: int, odd: str | None) -> list[Recording]:
    """Simulate the recordings of a dataset; the first one is odd where something is named."""
    recordings: list[Recording] = []
    for area in range(n_areas):
        latent = rng.standard_normal((N_STIMULI, N_LATENT)) * np.arange(1, N_LATENT + 1) ** -0.5
        own, rdms = [], []
        for number in range(n_recordings):
            session = draw_session(rng)
            if odd is not None and (area, number) == (0, 0):
                session = ODD[odd](session, rng)
            trials = spikes(rng, latent, session)
            reliability = split_half_reliability(trials[: session.n_repetitions], n_splits=20)
            names = (f'area{area}', f'animal{number}', f'session{number}')
            own.append(recording(names, trials, reliability, 1000 * session.window, N_REPETITIONS))
            rdms.append(distances(trials[:, :, is_scored(reliability, N_REPETITIONS)]))
        recordings += agreements(own, rdms)
    return recordings


def spikes(rng: np.random.Generator, latent: np.ndarray, session: Session) -> np.ndarray:
    """Simulate rates in spikes/s, shape (N_REPETITIONS, N_STIMULI, n_neuroids); NaN in missing repetitions."""
    weights = rng.standard_normal((N_LATENT, session.n_neuroids)) / np.sqrt(np.sum(1 / np.arange(1, N_LATENT + 1)))
    rates = RATE * session.gain * np.exp(UNITS * rng.standard_normal(session.n_neuroids))
    expected = rates * np.exp(session.tuning * (latent @ weights)[session.order])
    counts = rng.poisson(expected * session.window, (session.n_repetitions, *expected.shape))
    trials = np.full((N_REPETITIONS, *expected.shape), np.nan)
    trials[: session.n_repetitions] = counts / session.window
    return trials


def reasons(seed: int, design: tuple[int, int], odd: str | None = None) -> list[StandOut]:
    """Simulate a dataset and say what stands out."""
    return stand_outs(dataset(np.random.default_rng([seed, *design]), *design, odd), N_REPETITIONS)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--datasets', type=int, default=200, help='number of simulated datasets of each kind')
    n = parser.parse_args().datasets
    print(
        f'{n} datasets of each kind.\n\n| areas x recordings | datasets with one that stands out | of all recordings |'
    )
    print('|---|--:|--:|')
    for design in DESIGNS:
        flagged = [{reason.recording.label for reason in reasons(seed, design)} for seed in range(n)]
        any_, all_ = sum(map(bool, flagged)), sum(map(len, flagged))
        print(f'| {design[0]} x {design[1]} | {any_ / n:.1%} | {all_ / (n * design[0] * design[1]):.2%} |', flush=True)
    print('\n| odd recording | stands out | others that do, of all | by |\n|---|--:|--:|---|')
    for odd in ODD:
        seen, others = 0, 0
        measures: dict[str, int] = {}
        for seed in range(n):
            own = reasons(seed, WITH_ODD, odd)
            of_odd = {reason.measure for reason in own if reason.recording.label.startswith('area0, animal animal0,')}
            seen += bool(of_odd)
            others += len({reason.recording.label for reason in own}) - bool(of_odd)
            for measure in of_odd:
                measures[measure] = measures.get(measure, 0) + 1
        by = ', '.join(f'{measure} {count}' for measure, count in sorted(measures.items(), key=lambda item: -item[1]))
        print(f'| {odd} | {seen / n:.1%} | {others / (n * (WITH_ODD[0] * WITH_ODD[1] - 1)):.2%} | {by} |', flush=True)


if __name__ == '__main__':
    main()
