"""M2M: how mouse-like is a vision model, and how well does it hold when the domain shifts.

The names below are imported when they are first used, so that ``import m2m_benchmarks`` costs nothing.
"""

import importlib
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from m2m_benchmarks.analysis.leaderboard import leaderboard
    from m2m_benchmarks.analysis.recovery import recovery
    from m2m_benchmarks.analysis.stored_comparison import compare
    from m2m_benchmarks.benchmarks.custom import benchmark
    from m2m_benchmarks.data.trials import average_repetitions
    from m2m_benchmarks.metrics.dissimilarity import rdm
    from m2m_benchmarks.plugins import (
        list_benchmarks,
        list_datasets,
        list_metrics,
        list_models,
        load_benchmark,
        load_dataset,
        load_metric,
        load_model,
        load_stimulus_set,
    )
    from m2m_benchmarks.records.selection import results
    from m2m_benchmarks.records.store import draws
    from m2m_benchmarks.scoring.score import score

__version__ = '0.1.0'

# Brain-Score's own class warns wherever it is imported, and users can't change that.
warnings.filterwarnings('ignore', message='xarray subclass Score should explicitly define __slots__')

_PLUGINS = 'm2m_benchmarks.plugins'
_WHERE = {
    'average_repetitions': 'm2m_benchmarks.data.trials',
    'benchmark': 'm2m_benchmarks.benchmarks.custom',
    'compare': 'm2m_benchmarks.analysis.stored_comparison',
    'draws': 'm2m_benchmarks.records.store',
    'leaderboard': 'm2m_benchmarks.analysis.leaderboard',
    'list_benchmarks': _PLUGINS,
    'list_datasets': _PLUGINS,
    'list_metrics': _PLUGINS,
    'list_models': _PLUGINS,
    'load_benchmark': _PLUGINS,
    'load_dataset': _PLUGINS,
    'load_metric': _PLUGINS,
    'load_model': _PLUGINS,
    'load_stimulus_set': _PLUGINS,
    'rdm': 'm2m_benchmarks.metrics.dissimilarity',
    'recovery': 'm2m_benchmarks.analysis.recovery',
    'results': 'm2m_benchmarks.records.selection',
    'score': 'm2m_benchmarks.scoring.score',
}

__all__ = [
    '__version__',
    'average_repetitions',
    'benchmark',
    'compare',
    'draws',
    'leaderboard',
    'list_benchmarks',
    'list_datasets',
    'list_metrics',
    'list_models',
    'load_benchmark',
    'load_dataset',
    'load_metric',
    'load_model',
    'load_stimulus_set',
    'rdm',
    'recovery',
    'results',
    'score',
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
