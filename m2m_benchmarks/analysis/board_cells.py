"""Cells of a leaderboard: the results of one row on one benchmark, one for each seed."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from m2m_benchmarks.analysis.comparison import Measured, backbone_of, estimate_of
from m2m_benchmarks.records.comparability import differences
from m2m_benchmarks.records.record import MOUSE_ACUITY, Machine, Part, Result

#: Significant digits of numbers in a cell.
DIGITS = 6
#: Fields of a result that a cell has under the same name.
_COPIED = (
    *('layer', 'layer_scores', 'n_neuroids', 'n_stimuli', 'n_animals', 'own_units_interval', 'generalization_gap'),
    *('chance', 'caveat'),
)
#: Fields that are averaged over seeds.
_AVERAGED = ('raw', 'ceiling', 'model_per_animal', 'other_mice', 'own_units')
#: Fields of an area that a cell has.
_OF_AREAS = ('score', 'error', 'interval', 'raw', 'ceiling', 'layer', 'n_neuroids', 'n_animals')
_PER_ANIMAL = ('model_per_animal', 'other_mice')


@dataclass(frozen=True)
class Group:
    """The newest results of one row on one benchmark.

    Attributes
    ----------
    results : list of Result
        One for each seed.
    draws : list of array
        Bootstrap draws of the score of each; empty where a result has none.
    """

    results: list[Result]
    draws: list[np.ndarray]

    @property
    def score(self) -> float | None:
        """Mean over seeds; None where a result has no score."""
        scores = [result.score for result in self.results]
        return None if any(score is None for score in scores) else float(np.mean([s for s in scores if s is not None]))

    @property
    def is_ranked(self) -> bool:
        """Whether candidates can be compared by draws."""
        return self.score is not None and bool(self.draws)

    @property
    def seeds(self) -> list[int | None]:
        """Seeds, in the order of `results`."""
        return [result.seed for result in self.results]

    @property
    def pairing(self) -> tuple[Any, ...]:
        """What the seeds of two candidates that are paired over them have in common; empty for one seed.

        A seed determines the training batches of runs on one source, and the initial weights of one backbone.
        """
        first = self.results[0]
        if len(self.results) == 1:
            return ()
        if (first.weights or '').startswith('run'):
            return 'run', first.training_set, *self.seeds
        backbone = backbone_of(first.model.removesuffix(MOUSE_ACUITY))
        return () if backbone is None else ('none', *backbone, *self.seeds)

    @property
    def measured(self) -> list[Measured]:
        """Score of each seed with its draws, as `m2m compare` has them."""
        return [_measured(*each) for each in zip(self.results, self.draws, strict=True)]


def _measured(result: Result, draws: np.ndarray) -> Measured:
    assert result.score is not None
    animals = result.n_animals or 0
    units = animals if animals > 1 else result.n_neuroids or 0
    uncut = result.score if result.uncut is None else result.uncut
    return Measured(result.score, uncut, draws, units, result.n_stimuli or 0, {})


def make_cell(
    group: Group, history: Sequence[Result], imported: Collection[str], contradictory: Collection[str]
) -> dict[str, Any]:
    """Make a cell; fields without a value are left out.

    Parameters
    ----------
    group : Group
    history : sequence of Result
        All results of the row on the benchmark, the oldest first.
    imported, contradictory : collection of str
        Uids of results from other machines, and of those that others contradict.
    """
    newest = max(group.results, key=lambda result: result.created)
    uids = [result.uid for result in group.results]
    cell: dict[str, Any] = {'score': group.score, **{name: getattr(newest, name) for name in _COPIED}}
    for name in _AVERAGED:
        values = [getattr(result, name) for result in group.results]
        cell[name] = None if any(value is None for value in values) else float(np.mean(values))
    if group.score is None:
        cell['reason'] = 'the 95 % interval of the ceiling reaches below 0.2'
    elif group.draws and (len(uids) > 1 or newest.interval is None):
        own = estimate_of([group.measured])
        cell.update(uncut=own.value, error=own.error, interval=own.interval)
    elif len(uids) == 1:
        cell.update(uncut=newest.uncut, error=newest.error, interval=newest.interval)
    if group.score is not None and not group.draws:
        cell['unranked'] = 'no bootstrap draws, which imported results and those of earlier versions lack'
    if len(uids) > 1:
        scores = [result.score for result in group.results if result.score is not None]
        cell.update(uids=uids, seeds=group.seeds, spread=float(np.std(scores, ddof=1)) if len(scores) > 1 else None)
    if newest.areas is not None:
        cell['areas'] = {name: _area(part) for name, part in newest.areas.items()}
        cell['left_out'] = newest.left_out or None
    if newest.targets is not None:
        domains = {'in_domain': newest.in_domain, **newest.targets}
        shown = {
            name: {'accuracy': part.accuracy, 'interval': part.interval, 'n_images': part.n_images}
            for name, part in domains.items()
            if part is not None
        }
        cell['in_domain'] = shown.pop('in_domain', None)
        cell['targets'] = shown
    machine = None if newest.machine is None else _machine(newest.machine)
    cell.update(
        uid=newest.uid,
        created=newest.created,
        machine=machine,
        measured_by=(machine or 'elsewhere') if newest.uid in imported else 'here',
        contradicts=True if any(uid in contradictory for uid in uids) else None,
        history=_history(history) if len(history) > len(uids) else None,
    )
    rounded: dict[str, Any] = compact(cell)
    return rounded


def _area(part: Part) -> dict[str, Any]:
    return {name: getattr(part, name) for name in _OF_AREAS}


def _machine(machine: Machine) -> str:
    processor = machine.processor or machine.cpu_capability
    return f'{processor}, {machine.platform}, {machine.threads} threads, {machine.device or "cpu"}'


def _history(results: Sequence[Result]) -> list[dict[str, Any]]:
    before: dict[int | None, Result] = {}
    entries = []
    for result in results:
        earlier = before.get(result.seed)
        entries.append(
            {
                'score': result.score,
                'error': result.error,
                'created': result.created,
                'uid': result.uid,
                'seed': result.seed,
                'data_version': _short(result.data_sha256),
                'code': None if result.library is None else result.library.version,
                'code_sha256': None if result.library is None else _short(result.library.code_sha256),
                'benchmark_version': result.version or 1,
                'reason': None if earlier is None else reason_of_change(earlier, result),
            }
        )
        before[result.seed] = result
    return entries


def reason_of_change(earlier: Result, later: Result) -> str:
    """Say what a later score of the same candidate on the same benchmark was computed with that the earlier wasn't."""
    reasons = differences(earlier, later)
    names = {
        'weights_sha256': 'weights',
        'code_sha256': "candidate's code",
        'library': 'library',
        'versions': 'packages',
        'machine': 'machine',
    }
    for name, what in names.items():
        first, second = getattr(earlier, name), getattr(later, name)
        if first is None or second is None or first == second:
            continue
        if name == 'library':
            reasons.append(
                f'{what}: {first.version} {first.code_sha256[:6]} and {second.version} {second.code_sha256[:6]}'
            )
        elif name == 'versions':
            changed = [each for each in {**first, **second} if first.get(each) != second.get(each)]
            shown = ', '.join(f'{each} {first.get(each)} and {second.get(each)}' for each in changed[:3])
            more = f' and {len(changed) - 3} more' if len(changed) > 3 else ''
            reasons.append(f'{what}: {shown}{more}')
        elif name == 'machine':
            reasons.append(f'{what}: {_machine(first)} and {_machine(second)}')
        else:
            reasons.append(f'{what}: {first[:6]} and {second[:6]}')
    return '; '.join(reasons) if reasons else 'computed again; nothing that is recorded differs'


def _short(sha256: str | None) -> str | None:
    return None if sha256 is None else sha256[:12]


def compact(content: Any) -> Any:
    """Round numbers, and leave out what has no value, in a structure for JSON."""
    if isinstance(content, Mapping):
        rounded = {str(name): compact(value) for name, value in content.items()}
        return {name: value for name, value in rounded.items() if value is not None}
    if isinstance(content, list | tuple):
        return [compact(value) for value in content]
    if isinstance(content, float | np.floating):
        return float(f'{content:.{DIGITS}g}') if math.isfinite(content) else None
    return content


def single_animals(cell: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Cells of the two columns of values on one animal."""
    return {kind: {'score': cell[kind]} for kind in _PER_ANIMAL if kind in cell}
