"""Datasets packaged as Brain-Score's files, read with Brain-Score's functions."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from brainscore_core.supported_data_standards.brainio.assemblies import NeuronRecordingAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

import m2m_benchmarks
from m2m_benchmarks import load_dataset, load_stimulus_set

pytestmark = pytest.mark.process


@pytest.mark.slow
def test_package_and_read_back(m2m_home, tmp_path):
    script = Path(m2m_benchmarks.__file__).parent / 'data' / 'simulated' / 'data_packaging' / 'package.py'
    subprocess.run([sys.executable, '-W', 'ignore', str(script), str(tmp_path)], check=True, capture_output=True)
    with zipfile.ZipFile(tmp_path / 'stimulus_SimulatedMouse.zip') as archive:
        archive.extractall(tmp_path / 'stimuli')
    stimuli = StimulusSet.from_files(tmp_path / 'stimulus_SimulatedMouse.csv', tmp_path / 'stimuli')
    own = load_stimulus_set('SimulatedMouse')
    assert list(stimuli['stimulus_id']) == list(own['stimulus_id'])
    for stimulus in own['stimulus_id']:
        assert stimuli.get_stimulus(stimulus).read_bytes() == own.get_stimulus(stimulus).read_bytes()
    read = NeuronRecordingAssembly.from_files(
        tmp_path / 'assy_SimulatedMouse.nc', stimulus_set_identifier='SimulatedMouse', stimulus_set=stimuli
    )
    expected = load_dataset('SimulatedMouse')
    np.testing.assert_array_equal(read.values, expected.values)
    for coordinate in ('stimulus_id', 'repetition', 'neuroid_id', 'region', 'animal', 'reliability'):
        np.testing.assert_array_equal(read[coordinate].values, expected[coordinate].values)
