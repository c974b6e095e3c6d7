"""Rows of a leaderboard: candidates by identifier and weights; the seeds of one are joined."""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from m2m_benchmarks.analysis.entries import PIXELS
from m2m_benchmarks.models.neurn.backbones import Variant, parse
from m2m_benchmarks.records.record import MOUSE_ACUITY, Result
from m2m_benchmarks.records.selection import labels

CANDIDATE, CONTROL, CEILING, OTHER_MICE = 'candidate', 'control', 'ceiling', 'other mice'


@dataclass(frozen=True)
class BoardRow:
    """One row.

    Attributes
    ----------
    id, label : str
        Name of the candidate, with whatever tells it apart from others of its model, such as its weights.
    kind : str
        'candidate'; 'control' for the pixels and for the untrained twin of a candidate with weights; 'ceiling'; or
        'other mice'.
    model, weights : str or None
        Identifier of the model, and origin of the weights, in words.
    family : str or None
    parameters : int or None
    trained, neurn : bool
        Whether the weights are trained, and whether NeuRN is a part of the network.
    twin : str or None
        Id of the row of the same backbone with NeuRN, or without.
    untrained : str or None
        Id of the row of the same model with untrained weights.
    weights_sha256 : str or None
        SHA-256 of the weights; None for several seeds.
    seeds : list of int
        Seeds of untrained weights or training runs.
    mouse_acuity : bool
        Whether it saw the stimuli as a mouse does.
    training_set : str or None
    """

    id: str
    label: str
    kind: str
    model: str | None = None
    weights: str | None = None
    family: str | None = None
    parameters: int | None = None
    trained: bool = False
    neurn: bool = False
    twin: str | None = None
    untrained: str | None = None
    weights_sha256: str | None = None
    seeds: list[int] = dataclasses.field(default_factory=list)
    mouse_acuity: bool = False
    training_set: str | None = None


def row_names(results: Sequence[Result]) -> list[str]:
    """Name the row of each result: its candidate as listings name it, without the seed."""
    return [_without_seed(name, result) for name, result in zip(labels(results), results, strict=True)]


def _without_seed(name: str, result: Result) -> str:
    """Leave the seed out of the name of an untrained candidate, or of a training run in its usual folder."""
    origin = _origin(result)
    if result.seed is None or origin not in ('none', 'run'):
        return name
    return name.replace(f' (seed {result.seed})' if origin == 'none' else f'-seed{result.seed}', '', 1)


def make_rows(of_rows: Mapping[str, Sequence[Result]]) -> dict[str, BoardRow]:
    """Make the rows of candidates and controls by their names, from the newest results of each, the newest last."""
    rows = {name: _row(name, results) for name, results in of_rows.items()}
    newest = {name: results[-1] for name, results in of_rows.items()}
    of_network: dict[tuple[object, ...], list[str]] = defaultdict(list)
    of_backbone: dict[tuple[object, ...] | None, list[str]] = defaultdict(list)
    networks = {name: _network(result) for name, result in newest.items()}
    backbones = {name: _backbone(result) for name, result in newest.items()}
    for name in rows:
        of_network[networks[name]].append(name)
        of_backbone[backbones[name]].append(name)
    finished = {}
    for name, row in rows.items():
        same = of_network[networks[name]]
        own = next((each for each in same if _origin(newest[each]) == 'none'), None)
        partners = [] if backbones[name] is None else of_backbone[backbones[name]]
        # The variant with the usual settings has the shortest name.
        others = sorted(
            (each for each in partners if rows[each].neurn != row.neurn), key=lambda each: (len(each), each)
        )
        # An untrained network is a control where the board has it with weights too.
        is_twin = own == name and any(_origin(newest[each]) != 'none' for each in same)
        finished[name] = dataclasses.replace(
            row,
            kind=CONTROL if is_twin or row.model == PIXELS else CANDIDATE,
            twin=others[0] if others else None,
            untrained=own if own != name else None,
        )
    return finished


def _row(name: str, results: Sequence[Result]) -> BoardRow:
    newest = results[-1]
    model = newest.model.removesuffix(MOUSE_ACUITY)
    variant = _variant(model)
    origin = _origin(newest)
    seeds = sorted({result.seed for result in results if result.seed is not None and origin in ('none', 'run')})
    hashes = {result.weights_sha256 for result in results if result.weights_sha256 is not None}
    return BoardRow(
        name,
        name,
        CANDIDATE,
        model,
        newest.weights,
        None if model == PIXELS else newest.family,  # no network, though Brain-Score has one run it
        None if model == PIXELS else newest.n_parameters,
        origin != 'none' and model != PIXELS,
        variant is not None and variant.neurn is not None,
        weights_sha256=hashes.pop() if len(hashes) == 1 else None,
        seeds=seeds,
        mouse_acuity=newest.model.endswith(MOUSE_ACUITY),
        training_set=newest.training_set,
    )


def _origin(result: Result) -> str:
    """First word of the origin of the weights: 'default', 'none', 'file', 'run', 'its'; '' where it isn't known."""
    return (result.weights or '').partition(' ')[0]


def _network(result: Result) -> tuple[object, ...]:
    """What a candidate and its untrained twin have in common."""
    size = None if result.input is None else tuple(result.input.shape)
    return result.model, result.layer_named, size


def _backbone(result: Result) -> tuple[object, ...] | None:
    """What two candidates that differ in NeuRN alone have in common; None outside the family."""
    variant = _variant(result.model.removesuffix(MOUSE_ACUITY))
    if variant is None:
        return None
    origin = _origin(result)
    source = result.training_set if origin == 'run' else None
    acuity = result.model.endswith(MOUSE_ACUITY)
    return variant.backbone, variant.image_size, origin, source, result.layer_named, acuity


def _variant(model: str) -> Variant | None:
    try:
        return parse(model)
    except ValueError:  # a name that this version doesn't know
        return None
