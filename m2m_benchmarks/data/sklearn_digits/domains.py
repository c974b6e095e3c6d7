"""scikit-learn's digits and domains derived from them, made on first use."""

from collections.abc import Callable

import numpy as np
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from scipy import ndimage
from sklearn.datasets import load_digits, load_sample_images

from m2m_benchmarks.data import atomic, manifest
from m2m_benchmarks.data.digit_names import DERIVED_DIGITS, DERIVED_TRAIN, SPLITS, stimulus_set_name
from m2m_benchmarks.data.digits import domains
from m2m_benchmarks.data.digits.blending import blend
from m2m_benchmarks.data.digits.images import Digits, standardize

#: Version of the domains; a copy of an older version in the data folder is replaced.
VERSION = 1


def _change_images(digits: Digits, change: Callable[[np.ndarray], np.ndarray]) -> Digits:
    images = np.stack([change(image) for image in digits.images[..., 0]])[..., None]
    return Digits(np.ascontiguousarray(images, dtype=np.uint8), digits.labels, digits.clusters)


#: Derived domain to the function that makes it from the test split.
DERIVED: dict[str, Callable[[Digits], Digits]] = {
    'blended': lambda digits: blend(digits, load_sample_images().images, seed=0),
    'inverted': lambda digits: _change_images(digits, lambda image: 255 - image),
    'blurred': lambda digits: _change_images(digits, lambda image: ndimage.gaussian_filter(image, 2.0, mode='nearest')),
    'thin': lambda digits: _change_images(digits, lambda image: ndimage.grey_erosion(image, (4, 4))),
    'thick': lambda digits: _change_images(digits, lambda image: ndimage.grey_dilation(image, (5, 5))),
}


def splits() -> dict[str, Digits]:
    """Make the splits `train` and `test` of scikit-learn's digits, and the domains derived from `test`."""
    source = load_digits()
    digits = standardize(source.images / source.images.max(), source.target, None, "scikit-learn's digits")
    test = digits[DERIVED_TRAIN:]
    return {'train': digits[:DERIVED_TRAIN], 'test': test, **{name: derive(test) for name, derive in DERIVED.items()}}


def ensure() -> None:
    """Make the dataset if it isn't on this machine or is of an older version."""
    if _is_current():
        return
    # Another process may be making it: wait, then check again.
    with atomic.write_lock(DERIVED_DIGITS, wait_s=120):
        if not _is_current():
            new_splits = splits()
            source = {'made_by': "derived from scikit-learn's digits by this package", 'version': VERSION}
            domains.write_domain(DERIVED_DIGITS, new_splits, dict.fromkeys(new_splits, source))


def _is_current() -> bool:
    entry = manifest.read(DERIVED_DIGITS)
    return entry is not None and all(
        split in entry['splits'] and entry['splits'][split]['source'].get('version') == VERSION
        for split in (*SPLITS, *DERIVED)
    )


def load_sklearn_stimuli(split: str) -> StimulusSet:
    """Load a domain as a stimulus set; see `data.digits.domains.load_digit_stimuli`."""
    ensure()
    return domains.load_digit_stimuli(stimulus_set_name(DERIVED_DIGITS, split))
