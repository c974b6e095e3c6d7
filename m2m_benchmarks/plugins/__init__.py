"""Plugins of this library and of brainscore_vision, by identifier.

A plugin is registered by a literal line ``model_registry['identifier'] = factory`` in its folder's ``__init__.py``. As
in Brain-Score, the index is read from this text, so listing and locating plugins import nothing.
"""

from m2m_benchmarks.plugins.environment import no_installs
from m2m_benchmarks.plugins.failures import reporting_exits, reporting_name_errors, reporting_plugin_errors
from m2m_benchmarks.plugins.index import (
    BRAIN_SCORE,
    OWN,
    Plugin,
    list_benchmarks,
    list_datasets,
    list_metrics,
    list_models,
    model_in,
    plugins_folder,
    registered,
    registrations,
)
from m2m_benchmarks.plugins.loading import (
    RESOLVERS,
    load_benchmark,
    load_dataset,
    load_metric,
    load_model,
    load_stimulus_set,
    takes_weights,
    unknown_name,
)

__all__ = [
    'BRAIN_SCORE',
    'OWN',
    'RESOLVERS',
    'Plugin',
    'list_benchmarks',
    'list_datasets',
    'list_metrics',
    'list_models',
    'load_benchmark',
    'load_dataset',
    'load_metric',
    'load_model',
    'load_stimulus_set',
    'model_in',
    'no_installs',
    'plugins_folder',
    'registered',
    'registrations',
    'reporting_exits',
    'reporting_name_errors',
    'reporting_plugin_errors',
    'takes_weights',
    'unknown_name',
]
