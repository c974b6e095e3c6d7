"""What tests of training share: a data folder with the digits in it, and a folder of images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def digits(digits_home, m2m_home):
    """M2M_HOME of one test: the data are those of `digits_home`, everything else is its own."""
    m2m_home.mkdir()
    (m2m_home / 'data').symlink_to(digits_home / 'data')
    return m2m_home


@pytest.fixture(scope='session')
def make_images():
    """The function make_images(folder, classes='abc', n=4) that writes train/CLASS and val/CLASS; each is a hue."""

    def make(folder, classes='abc', n=4):
        rng = np.random.default_rng(0)
        for part in ('train', 'val'):
            for number, name in enumerate(classes):
                (Path(folder) / part / name).mkdir(parents=True)
                for place in range(n):
                    pixels = rng.integers(0, 60, (40 + place, 56, 3), dtype=np.uint8)
                    pixels[..., number % 3] += 180
                    Image.fromarray(pixels).save(Path(folder) / part / name / f'{place}.png')
        return Path(folder)

    return make
