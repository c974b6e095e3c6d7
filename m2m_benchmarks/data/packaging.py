"""A dataset of this machine as the files that Brain-Score keeps in its storage: csv, zip and netCDF."""

from pathlib import Path
from typing import Any

from brainscore_core.supported_data_standards.brainio.packaging import (
    package_data_assembly_locally,
    package_stimulus_set_locally,
)

from m2m_benchmarks.plugins import load_dataset, load_stimulus_set


def package(name: str, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the stimulus set and the assembly of a dataset with Brain-Score's own packaging.

    Parameters
    ----------
    name : str
        A dataset on this machine.
    folder : Path
        Where the files go.

    Returns
    -------
    stimuli, assembly : dict
        Paths and SHA-1 of what was written, as Brain-Score's registry lines name them.

    Raises
    ------
    DataNotFoundError
        With the command that brings the dataset.
    """
    written = package_stimuli(name, folder)
    assembly = load_dataset(name).copy()
    assembly.attrs = {'identifier': name}
    # Its list of classes lacks NeuronRecordingAssembly; the class is chosen again by the line that loads the file.
    return written, package_data_assembly_locally(assembly, name, name, 'NeuroidAssembly', downloads_path=folder)


def package_stimuli(name: str, folder: Path) -> dict[str, Any]:
    """Write a stimulus set with Brain-Score's own packaging; see `package`."""
    stimuli = load_stimulus_set(name)
    stimuli.stimulus_paths = {stimulus: str(path) for stimulus, path in stimuli.stimulus_paths.items()}
    written: dict[str, Any] = package_stimulus_set_locally(stimuli, name, downloads_path=folder)
    return written
