"""The simulated mouse as a dataset in the data folder, made on first use."""

import io

import numpy as np
import pandas as pd
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from PIL import Image

from m2m_benchmarks.data import atomic, manifest, store
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.data.made_here import SIMULATED_MOUSE
from m2m_benchmarks.data.simulated import population as simulation

#: Version of the simulation; a copy of an older version in the data folder is replaced.
VERSION = 1


def load_simulated_stimuli() -> StimulusSet:
    """Load the 118 patches that the simulated mouse is shown."""
    _make_if_absent()
    return store.load_stimuli(SIMULATED_MOUSE)


def load_simulated_assembly() -> NeuronRecordingAssembly:
    """Load the simulated single-trial recordings; see `store.load_assembly`."""
    _make_if_absent()
    return store.load_assembly(SIMULATED_MOUSE)


def _make_if_absent() -> None:
    if _is_current():
        return
    # Another process may be making it: wait, then check again.
    with atomic.write_lock(SIMULATED_MOUSE, wait_s=120):
        if not _is_current():
            _write()


def _is_current() -> bool:
    entry = manifest.read(SIMULATED_MOUSE)
    return entry is not None and entry['source'].get('version') == VERSION


def _write() -> None:
    responses, neuroids = [], []
    for area in AREAS:
        simulated = simulation.simulated_area(area)
        responses.append(simulation.record(simulated))
        n = len(simulated.animal)
        neuroids.append(
            pd.DataFrame(
                {
                    'neuroid_id': [f'simulated_{area}_{i:03d}' for i in range(n)],
                    'region': area,
                    'animal': simulated.animal,
                    'session': simulated.animal,
                    'true_reliability': simulated.reliability,
                }
            )
        )
    store.write_dataset(
        SIMULATED_MOUSE,
        np.concatenate(responses, axis=2),
        pd.concat(neuroids, ignore_index=True),
        {f'patch_{i:03d}': _png(patch) for i, patch in enumerate(simulation.patches())},
        simulation.WINDOW_MS,
        {'made_by': manifest.SIMULATED, 'version': VERSION},
    )


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format='png')
    return buffer.getvalue()
