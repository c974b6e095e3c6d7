"""One identifier space over this library's plugins and brainscore_vision's.

Plugins are registered by a literal line ``model_registry['identifier'] = factory`` in their folder's
``__init__.py``. As in Brain-Score, that text is the index: listing and locating import nothing.
"""

from m2m_benchmarks.plugins.environment import no_installs, no_stored_activations
from m2m_benchmarks.plugins.failures import reporting_name_errors, reporting_plugin_errors
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
    'no_stored_activations',
    'plugins_folder',
    'registered',
    'registrations',
    'reporting_name_errors',
    'reporting_plugin_errors',
    'takes_weights',
    'unknown_name',
]
