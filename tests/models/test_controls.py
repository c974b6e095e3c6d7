"""The control of grey pixels."""

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor, resize, rgb_to_grayscale

from m2m_benchmarks.models.controls.model import preprocess


def test_pixels_are_those_of_torchvision(tmp_path):
    draws = np.random.default_rng(0)
    paths = []
    for number, shape in enumerate([(137, 211, 3), (64, 64, 3), (20, 30), (64, 300, 4)]):
        paths.append(str(tmp_path / f'{number}.png'))
        Image.fromarray(draws.integers(0, 256, shape, dtype=np.uint8)).save(paths[-1])
    expected = []
    for path in paths:
        with Image.open(path) as image:
            expected.append(rgb_to_grayscale(pil_to_tensor(resize(image.convert('RGB'), [64, 64]))) / 255)
    assert torch.equal(preprocess(paths, 64), torch.stack(expected))
