"""Benchmarks of recordings and digits that were imported under a name that no plugin registers."""

import re

from m2m_benchmarks.benchmarks import generalization
from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark
from m2m_benchmarks.benchmarks.neural import KINDS, AreaBenchmark, MeanBenchmark
from m2m_benchmarks.benchmarks.qazi2025 import benchmark as qazi2025
from m2m_benchmarks.data import ledger
from m2m_benchmarks.errors import UnknownNameError

_IDENTIFIER = re.compile(r'(?P<dataset>[A-Za-z][A-Za-z0-9]*)(?:\.(?P<area>\w+))?-(?P<kind>\w+)\Z')
_DIGITS = re.compile(r'Qazi2025\.(?P<source>[A-Za-z0-9]+)(?:\.(?P<target>[A-Za-z0-9]+))?-(?P<protocol>\w+)\Z')


def imported_benchmark(identifier: str) -> AreaBenchmark | MeanBenchmark | GeneralizationBenchmark | None:
    """Benchmark of recordings or digits that were imported under a name that no plugin registers.

    Parameters
    ----------
    identifier : str
        `NAME.AREA-rdm`, `NAME.AREA-ridge`, `NAME-rdm` or `NAME-ridge`; for digits, `Qazi2025.SOURCE.TARGET-accuracy`,
        `Qazi2025.SOURCE-accuracy` (the domains of the paper as targets), and the same with `readout_accuracy`.

    Returns
    -------
    AreaBenchmark, MeanBenchmark, GeneralizationBenchmark, or None
        None when no such dataset is on this machine or the identifier isn't of that form.

    Raises
    ------
    UnknownNameError
        For an area or metric that doesn't exist.
    """
    digits = _DIGITS.match(identifier)
    if digits is not None:
        return _generalization(digits['source'], digits['target'], digits['protocol'])
    parts = _IDENTIFIER.match(identifier)
    if parts is None or parts['dataset'] not in ledger.names() or ledger.holds_digits(parts['dataset']):
        return None
    dataset, area, kind = parts['dataset'], parts['area'], parts['kind']
    areas = list(ledger.require(dataset)['summary']['areas'])
    known = [f'{dataset}.{area}-{kind}' for area in areas for kind in KINDS]
    known += [f'{dataset}-{kind}' for kind in KINDS]
    if identifier not in known:
        raise UnknownNameError('benchmark', identifier, known)
    return MeanBenchmark(dataset, kind) if area is None else AreaBenchmark(dataset, area, kind)


def _generalization(source: str, target: str | None, protocol: str) -> GeneralizationBenchmark | None:
    known = [*qazi2025.DOMAINS, *(name for name in ledger.names() if _is_digits(name))]
    if protocol not in generalization.PROTOCOLS or not {source, target or source} <= set(known):
        return None
    return qazi2025.mean(source, protocol) if target is None else qazi2025.one(source, target, protocol)


def _is_digits(name: str) -> bool:
    return ledger.holds_digits(name)
