"""State dicts of checkpoints: which of those in a file, and the names that a network gives to their tensors."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from m2m_benchmarks.errors import ModelError

#: Keys that training scripts save a network under. Of several, the first is taken.
_KEYS = (
    *('state_dict', 'model', 'model_state_dict', 'net', 'network', 'params', 'weights'),
    *('state_dict_ema', 'model_ema', 'params_ema', 'ema', 'teacher'),
)
#: Keys of other things that hold tensors: optimizers, schedules and random numbers.
_NOT_NETWORKS = re.compile('optim|sched|scaler|rng|callback|loop', re.IGNORECASE)
_DEEPEST = 3
#: End of the name of what a module saves beside its tensors.
_EXTRA_STATE = '_extra_state'
#: Names of the copies that training methods average over time: MoCo's key encoder, BYOL's target, means of weights.
_AVERAGED = re.compile(r'(^|_)(k|momentum|target|ema)(_|$)')
#: Parts of names that wrappers add anywhere: DataParallel, torch.compile, FSDP.
_WRAPPERS = frozenset({'module', '_orig_mod', '_fsdp_wrapped_module'})
#: Names in torchvision's published files of DenseNets, of the time before names could have no dots.
_OLD_DENSENET = re.compile(r'(denselayer\d+\.(?:norm|conv))\.([12]\.)')
#: Start of the names of a network with a stage before its backbone.
_BACKBONE = 'backbone.'


def state_dict_in(content: Any, path: Path) -> tuple[dict[str, torch.Tensor], str]:
    """Find the state dict of a network in the content of a file; see `weights.read_checkpoint`.

    Raises
    ------
    ModelError
        When there is none, or none of several stands under a usual key.
    """
    candidates = _state_dicts(content)
    if not candidates:
        raise ModelError(
            f'{path} does not hold a state dict; expected a mapping of names to tensors{_not_a_tensor(content)}.'
        )
    ranks = {key: _rank(key) for key in candidates}
    best = [key for key in candidates if ranks[key] == min(ranks.values())]
    if len(best) > 1:
        raise ModelError(
            f'{path} holds {len(best)} state dicts: {", ".join(best)}. Save the one to load in a file of its own.'
        )
    others = [key for key in candidates if key != best[0]]
    origin = best[0] + (f', not {", ".join(others)}' if others else '')
    return {str(name): value for name, value in candidates[best[0]].items()}, origin


def _state_dicts(content: Any, key: str = '', depth: int = 0) -> dict[str, Mapping[str, torch.Tensor]]:
    """List the mappings of names to tensors in nested dictionaries, by their keys joined by dots."""
    if not isinstance(content, Mapping) or not content or depth > _DEEPEST:
        return {}
    tensors = {name: value for name, value in content.items() if not str(name).endswith(_EXTRA_STATE)}
    if tensors and all(torch.is_tensor(value) for value in tensors.values()):
        return {key: content}
    below: dict[str, Mapping[str, torch.Tensor]] = {}
    for name, value in content.items():
        if isinstance(name, str) and not _NOT_NETWORKS.search(name):
            below |= _state_dicts(value, f'{key}.{name}' if key else name, depth + 1)
    return below


def _not_a_tensor(content: Any) -> str:
    """Name an entry among tensors that isn't one, for a message."""
    if not isinstance(content, Mapping) or not any(torch.is_tensor(value) for value in content.values()):
        return ''
    name, value = next((name, value) for name, value in content.items() if not torch.is_tensor(value))
    quantised = ' (as in quantised networks)' if 'packed_params' in str(name) else ''
    return f', but {name} is a {type(value).__name__}{quantised}'


def _rank(key: str) -> list[int]:
    return [_KEYS.index(part) if part in _KEYS else len(_KEYS) for part in key.split('.')]


def renamed(
    state: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor], path: Path
) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Rename the tensors of a state dict as a network names its own.

    Parameters
    ----------
    state : mapping
        Tensors, whose names may all start with a prefix, such as the `module.` of a DataParallel or the `model.` of a
        Lightning module, and contain the names of wrappers. Where the network stands under two prefixes, one of them
        for its average over training (MoCo's `encoder_k.`), the other is taken. The `backbone.` of a network with a
        stage before its backbone may be missing.
    own : mapping
        State dict of the network.
    path : Path
        File of the state dict, for messages.

    Returns
    -------
    state : dict
        Tensors below the prefix that most of the network's names stand under.
    left_out : list of str
        Parts that the other names begin with: those of a loss or of a second network in the same training module.

    Raises
    ------
    ModelError
        When the network's names stand under several prefixes.
    """
    plain = {_OLD_DENSENET.sub(r'\1\2', name): value for name, value in state.items()}
    unwrapped = {_without_wrappers(name): value for name, value in plain.items()}
    in_front = _BACKBONE if all(name.startswith(_BACKBONE) for name in own) else ''
    readings = [
        (names, start, _prefixes(names, {name.removeprefix(start) for name in own}))
        for names in (plain, unwrapped)
        for start in dict.fromkeys(['', in_front])
    ]
    names, start, prefixes = max(readings, key=lambda reading: max(reading[2].values(), default=0))
    most = max(prefixes.values(), default=0)
    if 2 * most < len(own):  # another architecture: its own names say so best
        return plain, []
    best = [prefix for prefix, count in prefixes.items() if count == most]
    if len(best) > 1:
        best = [prefix for prefix in best if not any(map(_AVERAGED.search, prefix.split('.')))] or best
    if len(best) > 1:
        parts = ', '.join(prefix.rstrip('.') or 'the names themselves' for prefix in best)
        raise ModelError(f'{path} holds several networks of this kind: {parts}. Save one in a file of its own.')
    (prefix,) = best
    below = {f'{start}{name.removeprefix(prefix)}': value for name, value in names.items() if name.startswith(prefix)}
    return below, list(dict.fromkeys(_branch(name, prefix) for name in names if not name.startswith(prefix)))


def _prefixes(names: Mapping[str, Any], own: set[str]) -> Counter[str]:
    """Count the names that are a network's own after each prefix."""
    counts: Counter[str] = Counter()
    for name in names:
        ends = [0, *(match.end() for match in re.finditer(r'\.', name))]
        counts.update(name[:end] for end in ends if name[end:] in own)
    return counts


def _branch(name: str, prefix: str) -> str:
    """Start of a name, up to the first part that a prefix doesn't have."""
    parts, others = _without_wrappers(name).split('.'), _without_wrappers(prefix).split('.')
    same = next((i for i, pair in enumerate(zip(parts, others, strict=False)) if pair[0] != pair[1]), 0)
    return '.'.join(parts[: same + 1])


def _without_wrappers(name: str) -> str:
    return '.'.join(part for part in name.split('.') if part not in _WRAPPERS)
