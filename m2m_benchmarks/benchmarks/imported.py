"""Benchmarks that no plugin registers by a line of its own: of imported recordings and digits, and of populations."""

import re

from m2m_benchmarks.benchmarks import generalization
from m2m_benchmarks.benchmarks.devries2020 import benchmark as devries2020
from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark
from m2m_benchmarks.benchmarks.neural import KINDS, AreaBenchmark, MeanBenchmark
from m2m_benchmarks.benchmarks.qazi2025 import benchmark as qazi2025
from m2m_benchmarks.benchmarks.sklearn_digits import benchmark as sklearn_digits
from m2m_benchmarks.data import ledger
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.data.populations import DATASET, POPULATIONS
from m2m_benchmarks.errors import UnknownNameError

_IDENTIFIER = re.compile(r'(?P<dataset>[A-Za-z][A-Za-z0-9]*)(?:\.(?P<area>\w+))?-(?P<kind>\w+)\Z')
_POPULATION = re.compile(rf'{DATASET}\.(?P<area>\w+)\.(?P<population>\w+)-(?P<kind>\w+)\Z')
_DIGITS = re.compile(r'Qazi2025\.(?P<source>[A-Za-z0-9]+)(?:\.(?P<target>[A-Za-z0-9]+))?-(?P<protocol>\w+)\Z')


def imported_benchmark(identifier: str) -> AreaBenchmark | MeanBenchmark | GeneralizationBenchmark | None:
    """Benchmark that no plugin registers by a line of its own.

    Parameters
    ----------
    identifier : str
        Of recordings that were imported under a name of their own, `NAME.AREA-rdm`, `NAME.AREA-ridge`, `NAME-rdm` or
        `NAME-ridge`; of a population of cells, `deVries2020.AREA.POPULATION-rdm` or `-ridge`; for digits,
        `Qazi2025.SOURCE.TARGET-accuracy`, `Qazi2025.SOURCE-accuracy` (the domains of the paper as targets), and the
        same with `readout_accuracy`.

    Returns
    -------
    AreaBenchmark, MeanBenchmark, GeneralizationBenchmark, or None
        None when no such dataset is on this machine or the identifier isn't of that form.

    Raises
    ------
    UnknownNameError
        For an area, population, metric, domain or protocol that doesn't exist.
    """
    of_population = _POPULATION.match(identifier)
    if of_population is not None:
        parts = [f'{area}.{population}' for area in AREAS for population in POPULATIONS]
        known = [f'{DATASET}.{part}-{kind}' for part in parts for kind in KINDS]
        if identifier not in known:
            raise UnknownNameError('benchmark', identifier, known, f'Populations are {", ".join(POPULATIONS)}.')
        return devries2020.area(of_population['area'], of_population['kind'], of_population['population'])
    digits = _DIGITS.match(identifier)
    if digits is not None:
        return _generalization(identifier, digits['source'], digits['target'], digits['protocol'])
    recorded = _IDENTIFIER.match(identifier)
    if recorded is None or recorded['dataset'] not in ledger.names() or ledger.holds_digits(recorded['dataset']):
        return None
    dataset, area, kind = recorded['dataset'], recorded['area'], recorded['kind']
    areas = list(ledger.require(dataset)['summary']['areas'])
    known = [f'{dataset}.{area}-{kind}' for area in areas for kind in KINDS]
    known += [f'{dataset}-{kind}' for kind in KINDS]
    if identifier not in known:
        raise UnknownNameError('benchmark', identifier, known)
    return MeanBenchmark(dataset, kind) if area is None else AreaBenchmark(dataset, area, kind)


def _generalization(identifier: str, source: str, target: str | None, protocol: str) -> GeneralizationBenchmark:
    known = [*qazi2025.DOMAINS, *(name for name in ledger.names() if ledger.holds_digits(name))]
    known = list(dict.fromkeys([*known, sklearn_digits.NAME]))
    unknown = [name for name in (source, target) if name is not None and name not in known]
    if protocol not in generalization.PROTOCOLS or unknown:
        hint = '`m2m benchmarks` lists them.'
        if protocol in generalization.PROTOCOLS:
            hint += f' A domain of your own comes by `m2m data import digits-domain {unknown[0]} --from PATH`.'
        pairs = [one if one == other else f'{one}.{other}' for one in known for other in known]
        known = [f'{qazi2025.NAME}.{pair}-{each}' for pair in pairs for each in generalization.PROTOCOLS]
        raise UnknownNameError('benchmark', identifier, known, hint)
    return qazi2025.mean(source, protocol) if target is None else qazi2025.one(source, target, protocol)
