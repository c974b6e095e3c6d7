"""Stimuli as a mouse's eye passes them on, for the option `--mouse-acuity`."""

import copy
import functools
import io
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from brainscore_core.benchmarks import Benchmark
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from brainscore_vision.model_helpers.activations.pytorch import load_images
from PIL import Image

from m2m_benchmarks.arrays.acuity import MOUSE_ACUITY, low_pass
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.data.degrees import stimulus_degrees
from m2m_benchmarks.data.versions import Version
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.scoring import activation_store
from m2m_benchmarks.scoring.acuity import not_for
from m2m_benchmarks.storage import ensure_writable, reporting_write_errors, sha256_file


class LowPassedPaths(dict[str, Path]):
    """Paths of low-passed stimuli by stimulus_id; each file is made when its path is first taken.

    Parameters
    ----------
    paths : mapping
        Paths of the stimuli that were shown; a path is taken, and its file checked, whenever that of its copy is.
    degrees : (width, height)
        Size of the stimuli in visual degrees.

    Attributes
    ----------
    version : Version or None
        Version of the dataset that the stimuli are of.
    description : str
        What was done to the stimuli, in words.
    """

    def __init__(self, paths: Mapping[str, Path], degrees: tuple[float, float]) -> None:
        super().__init__(paths)
        self._shown, self._degrees = paths, degrees
        self.version: Version | None = getattr(paths, 'version', None)
        self._size = '{:g} x {:g}'.format(*degrees)
        self.description = f'half the amplitude at {MOUSE_ACUITY:g} cycles per degree; stimuli of {self._size} degrees'

    def __getitem__(self, stimulus_id: str) -> Path:
        shown = Path(self._shown[stimulus_id])
        # Areas and benchmarks with the same stimuli share their copies.
        path = _folder(activation_store.folder()) / f'{sha256_file(shown)} {self._size}.png'
        if not path.exists():
            content = _low_passed(shown, self._degrees)
            with reporting_write_errors('low-passed stimuli', path.parent):
                path.write_bytes(content)
        return path


def _low_passed(path: Path, degrees: tuple[float, float]) -> bytes:
    """Low-pass an image of 8 bits, loaded as models load it; return the PNG file, in colours."""
    (image,) = load_images([path])
    pixels = np.asarray(image.convert('RGB'))
    passed = np.clip(np.rint(low_pass(pixels, degrees)), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(passed).save(buffer, format='png', compress_level=1)
    return buffer.getvalue()


def _folder(parent: Path) -> Path:
    """Folder for the files of this process, which goes with it; one of a killed process is a leftover (`stores`)."""
    return Path(_temporary(ensure_writable(parent)).name)


@functools.cache
def _temporary(parent: Path) -> tempfile.TemporaryDirectory[str]:
    with reporting_write_errors('low-passed stimuli', parent):
        return tempfile.TemporaryDirectory(dir=parent, prefix='.tmp-acuity-')


#: Low-passed benchmarks, so that candidates share their ceilings.
_seen: weakref.WeakKeyDictionary[Benchmark, Benchmark] = weakref.WeakKeyDictionary()


def seen_by_mouse(benchmark: Benchmark) -> Benchmark:
    """Make the same benchmark, which shows models its stimuli as a mouse's eye passes them on.

    Raises
    ------
    BenchmarkError
        When it has no recordings of mice.
    DataError
        When its dataset does not state the size of its stimuli in degrees.
    """
    if not isinstance(benchmark, AreaBenchmark | MeanBenchmark):
        raise not_for(benchmark.identifier)
    if benchmark not in _seen:
        if isinstance(benchmark, MeanBenchmark):
            seen = copy.copy(benchmark)
            seen.areas = [_area(area) for area in benchmark.areas]
            _seen[benchmark] = seen
        else:
            _seen[benchmark] = _area(benchmark)
    return _seen[benchmark]


def _area(area: AreaBenchmark) -> AreaBenchmark:
    entry = next((version.manifest for version in area.versions), None)
    # A copy of a StimulusSet would get its images from the original.
    stimuli = StimulusSet(pd.DataFrame(area.stimulus_set))
    paths = LowPassedPaths(area.stimulus_set.stimulus_paths, stimulus_degrees(area.dataset, entry))
    stimuli.stimulus_paths = paths
    stimuli.identifier = f'{area.stimulus_set.identifier} ({paths.description})'
    return area.showing(stimuli)


def make_stimuli(benchmark: AreaBenchmark | MeanBenchmark, progress: Progress | None = None) -> None:
    """Make the low-passed files of a benchmark of `seen_by_mouse`, which takes a tenth of a second an image."""
    report = progress or silent
    for area in benchmark.areas if isinstance(benchmark, MeanBenchmark) else [benchmark]:
        stimuli = area.stimulus_set
        for i, stimulus in enumerate(stimuli['stimulus_id']):
            stimuli.get_stimulus(stimulus)
            report('images as a mouse sees them', i + 1, len(stimuli))
