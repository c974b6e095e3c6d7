"""Selections of neurons: files of neuroid_ids of one dataset, which benchmarks can be restricted to.

Files and names are read without anything heavy.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2m_benchmarks.benchmarks.identifiers import NEURONS, NeuralIdentifier, parse
from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import BenchmarkError, DataError

if TYPE_CHECKING:
    from m2m_benchmarks.benchmarks.mean import MeanBenchmark
    from m2m_benchmarks.benchmarks.neural import AreaBenchmark

_MADE_BY = '`m2m analyze neurons DATASET --json FILE` makes one.'


@dataclasses.dataclass(frozen=True)
class NeuronSelection:
    """Neuroids of one version of a dataset.

    Attributes
    ----------
    dataset : str
        Name of the dataset.
    data_sha256 : str
        SHA-256 of the file of recordings that they were selected from.
    neuroids : tuple of str
        Their neuroid_ids.
    """

    dataset: str
    data_sha256: str
    neuroids: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """SHA-256 of what is selected; the order of the neuroids doesn't matter."""
        content = [self.dataset, self.data_sha256, sorted(self.neuroids)]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def check(self, benchmark: str, used: Mapping[str, Any] | None = None) -> None:
        """Check that a benchmark is of this version of the dataset.

        Parameters
        ----------
        benchmark : str
            Name of the benchmark.
        used : mapping, optional
            Manifest of its dataset, by default the one on this machine.

        Raises
        ------
        BenchmarkError
            When it is of another dataset, of another version, or not of recordings.
        """
        name = parse(benchmark)
        if not isinstance(name, NeuralIdentifier):
            raise BenchmarkError(f'{benchmark} has no recordings to select neurons of; leave out --neurons.')
        if name.dataset != self.dataset:
            raise BenchmarkError(
                f'the selection of neurons is of {self.dataset}, and {benchmark} of {name.dataset}; make one of '
                f'{name.dataset} with `m2m analyze neurons {name.dataset} --json FILE`.'
            )
        here = (used or manifest.require(self.dataset))['assembly']['sha256']
        if here != self.data_sha256:
            raise BenchmarkError(
                f'the selection of neurons is of another version of {self.dataset}: its recordings have the SHA-256 '
                f'{self.data_sha256[:12]}…, and those on this machine {here[:12]}…; make one of these with `m2m '
                f'analyze neurons {self.dataset} --json FILE`.'
            )


def read_selection(path: Path) -> NeuronSelection:
    """Read a selection of neurons from a JSON file, which `m2m analyze neurons` writes.

    Raises
    ------
    DataError
        When the file can't be read or isn't a selection.
    """
    try:
        document = json.loads(Path(path).read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise DataError(f'there is no selection of neurons {path}. {_MADE_BY}') from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f'cannot read the selection of neurons {path}: {error}. {_MADE_BY}') from error
    expected: dict[str, type] = {'dataset': str, 'data_sha256': str, 'neuroids': list}
    for name, kind in expected.items():
        if not isinstance(document, dict) or not isinstance(document.get(name), kind):
            what = 'a text' if kind is str else 'a list of neuroid_ids'
            raise DataError(f'{path} is not a selection of neurons: expected {name!r}, {what}. {_MADE_BY}')
    neuroids = document['neuroids']
    if not neuroids or not all(isinstance(each, str) for each in neuroids) or len(set(neuroids)) < len(neuroids):
        raise DataError(f'{path} is not a selection of neurons: expected different texts in neuroids. {_MADE_BY}')
    return NeuronSelection(document['dataset'], document['data_sha256'], tuple(neuroids))


def restrict(benchmark: 'AreaBenchmark | MeanBenchmark', selection: NeuronSelection) -> 'AreaBenchmark | MeanBenchmark':
    """Make the same benchmark with the selected neuroids alone.

    Its name ends in the first digits of the selection's SHA-256, so that its results stand apart from those of all
    neuroids. Areas with too few selected neuroids are left out of a mean.

    Raises
    ------
    BenchmarkError
        When the selection is of other recordings, has neuroids that these don't have, or too few for the comparison.
    """
    from m2m_benchmarks.plugins import load_dataset  # whose data are loaded: the benchmark is

    selection.check(benchmark.identifier, next((each.manifest for each in benchmark.versions), None))
    recorded = load_dataset(selection.dataset)['neuroid_id'].values.astype(str)
    unknown = sorted({*selection.neuroids}.difference(recorded))
    if unknown:
        raise BenchmarkError(
            f'{selection.dataset} does not have {len(unknown)} of the {len(selection.neuroids)} selected neuroids, '
            f'such as {unknown[0]!r}; make one of its own with `m2m analyze neurons {selection.dataset} --json FILE`.'
        )
    restricted = benchmark.of_neurons(selection.neuroids, selection.sha256)
    restricted._identifier = f'{benchmark.identifier}{NEURONS}{selection.sha256[:8]}'
    return restricted
