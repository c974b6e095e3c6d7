"""Helpers for tests of plugins: small bundles, domains, assemblies, models, runs, servers, clocks and processes."""

from m2m_benchmarks.testing.assemblies import (
    label_assembly,
    neuroid_assembly,
    probability_assembly,
    responses_by_image,
)
from m2m_benchmarks.testing.boards import ODD_NAMES, make_board
from m2m_benchmarks.testing.bundles import Bundle, write_bundle
from m2m_benchmarks.testing.candidates import LabellingCandidate, RecordedCandidate, random_features
from m2m_benchmarks.testing.clocks import Clock
from m2m_benchmarks.testing.contents import idx_bytes, npz_bytes, png_bytes, write_npz
from m2m_benchmarks.testing.damage import damaged
from m2m_benchmarks.testing.domains import write_patterns
from m2m_benchmarks.testing.file_server import FileServer, serving_files
from m2m_benchmarks.testing.networks import SmallNetwork
from m2m_benchmarks.testing.pickles import MakesFolder
from m2m_benchmarks.testing.processes import Call, Command, alive
from m2m_benchmarks.testing.results import scored_results, whole_result
from m2m_benchmarks.testing.runs import write_trained
from m2m_benchmarks.testing.servers import QuietHandler, serving

__all__ = [
    'ODD_NAMES',
    'Bundle',
    'Call',
    'Clock',
    'Command',
    'FileServer',
    'LabellingCandidate',
    'MakesFolder',
    'QuietHandler',
    'RecordedCandidate',
    'SmallNetwork',
    'alive',
    'damaged',
    'idx_bytes',
    'label_assembly',
    'make_board',
    'neuroid_assembly',
    'npz_bytes',
    'png_bytes',
    'probability_assembly',
    'random_features',
    'responses_by_image',
    'scored_results',
    'serving',
    'serving_files',
    'whole_result',
    'write_bundle',
    'write_npz',
    'write_patterns',
    'write_trained',
]
