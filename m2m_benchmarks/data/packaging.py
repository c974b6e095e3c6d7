"""Packaging of datasets as files for Brain-Score's storage: csv, zip and netCDF."""

from pathlib import Path
from typing import Any

from brainscore_core.supported_data_standards.brainio.packaging import (
    package_data_assembly_locally,
    package_stimulus_set_locally,
)

from m2m_benchmarks.plugins import load_dataset, load_stimulus_set


def package(name: str, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Package the stimulus set and the assembly of a dataset with Brain-Score's functions.

    Parameters
    ----------
    name : str
        Dataset on this machine.
    folder : Path
        Folder for the files.

    Returns
    -------
    stimuli, assembly : dict
        Paths and SHA-1 of the files, with the keys of Brain-Score's registry lines.

    Raises
    ------
    DataNotFoundError
        When the dataset isn't on this machine.
    """
    written = package_stimuli(name, folder)
    assembly = load_dataset(name).copy()
    assembly.attrs = {'identifier': name}
    # Its list of classes lacks NeuronRecordingAssembly; the registry line that loads the file chooses the class again.
    return written, package_data_assembly_locally(assembly, name, name, 'NeuroidAssembly', downloads_path=folder)


def package_stimuli(name: str, folder: Path) -> dict[str, Any]:
    """Package a stimulus set; see `package`."""
    stimuli = load_stimulus_set(name)
    stimuli.stimulus_paths = {stimulus: str(path) for stimulus, path in stimuli.stimulus_paths.items()}
    written: dict[str, Any] = package_stimulus_set_locally(stimuli, name, downloads_path=folder)
    return written
