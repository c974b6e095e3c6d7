"""Benchmarks of recordings that were imported under a name that no plugin registers."""

import re

from m2m_benchmarks.benchmarks.neural import KINDS, AreaBenchmark, MeanBenchmark
from m2m_benchmarks.data import ledger
from m2m_benchmarks.errors import UnknownNameError

_IDENTIFIER = re.compile(r'(?P<dataset>[A-Za-z][A-Za-z0-9]*)(?:\.(?P<area>\w+))?-(?P<kind>\w+)\Z')


def imported_benchmark(identifier: str) -> AreaBenchmark | MeanBenchmark | None:
    """Benchmark of recordings that were imported under a name that no plugin registers.

    Parameters
    ----------
    identifier : str
        `NAME.AREA-rdm`, `NAME.AREA-ridge`, `NAME-rdm` or `NAME-ridge`.

    Returns
    -------
    AreaBenchmark, MeanBenchmark, or None
        None when no such dataset is on this machine or the identifier isn't of that form.

    Raises
    ------
    UnknownNameError
        For an area or metric that doesn't exist.
    """
    parts = _IDENTIFIER.match(identifier)
    if parts is None or parts['dataset'] not in ledger.names():
        return None
    dataset, area, kind = parts['dataset'], parts['area'], parts['kind']
    areas = list(ledger.require(dataset)['summary']['areas'])
    known = [f'{dataset}.{area}-{kind}' for area in areas for kind in KINDS]
    known += [f'{dataset}-{kind}' for kind in KINDS]
    if identifier not in known:
        raise UnknownNameError('benchmark', identifier, known)
    return MeanBenchmark(dataset, kind) if area is None else AreaBenchmark(dataset, area, kind)
