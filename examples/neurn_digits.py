"""Draw ten digits of each of four domains, and the output of NeuRN (k = 3) below them.

    python examples/neurn_digits.py
    python examples/neurn_digits.py --digits FOLDER --out picture.png

Without a folder, the script draws digits in the style of the four domains. FOLDER holds `mnist/`
(the official files), `mnist_m/mnist_m_test.zip`, `svhn/svhn_crops.npz` and `usps/usps.h5`. SVHN is
for non-commercial use and MNIST-M derives from BSDS500: consider this before you publish the picture.
"""

import argparse
import gzip
import io
import zipfile
from pathlib import Path

import netCDF4
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from m2m_benchmarks.models.neurn.neurn import NeuRN

#: Training images of MNIST that show 0 to 9.
MNIST_DIGITS = [1, 3, 5, 7, 2, 0, 13, 15, 17, 4]

CELL, GAP, LABEL = 128, 8, 110


def first_of_each_class(labels):
    return [int(np.flatnonzero(np.asarray(labels) == digit)[0]) for digit in range(10)]


def mnist(folder):
    pixels = gzip.decompress((folder / 'mnist' / 'train-images-idx3-ubyte.gz').read_bytes())
    return np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28)[MNIST_DIGITS]


def mnist_m(folder):
    with zipfile.ZipFile(folder / 'mnist_m' / 'mnist_m_test.zip') as archive:
        rows = [row.split() for row in archive.read('mnist_m_test_labels.txt').decode().splitlines()]
        chosen = first_of_each_class([int(label) for _, label in rows])
        files = [archive.read(f'mnist_m_test/{rows[index][0]}') for index in chosen]
    return np.stack([np.array(Image.open(io.BytesIO(file)).convert('RGB')) for file in files])


def svhn(folder):
    with np.load(folder / 'svhn' / 'svhn_crops.npz') as crops:
        return crops['test_images'][first_of_each_class(crops['test_labels'])]


def usps(folder):
    with netCDF4.Dataset(folder / 'usps' / 'usps.h5') as file:
        chosen = first_of_each_class(file['train/target'][:])
        pixels = np.asarray(file['train/data'][:])[chosen]
    return np.round(255 * pixels).astype(np.uint8).reshape(-1, 16, 16)


DOMAINS = {'MNIST': mnist, 'MNIST-M': mnist_m, 'SVHN': svhn, 'USPS': usps}


def draw_digits(size):
    """Draw the digits 0 to 9, each with another slant, in [0, 1]."""
    font = ImageFont.load_default(230)
    slants = np.random.default_rng(0).uniform(-15, 15, 10)
    digits = []
    for digit, slant in enumerate(slants):
        image = Image.new('L', (280, 280))
        ImageDraw.Draw(image).text((140, 140), str(digit), fill=255, font=font, anchor='mm', stroke_width=9)
        digits.append(np.asarray(image.rotate(slant, Image.Resampling.BICUBIC).resize((size, size))) / 255)
    return np.stack(digits)


def texture(rng, size, cells):
    """Draw smooth patches of colour, which stand for a photo."""
    colour, shades = rng.integers(40, 200, 3), rng.integers(-40, 41, (cells, cells, 1))
    coarse = Image.fromarray(np.uint8(np.clip(colour + shades, 0, 255)))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC)) / 255


def draw_blended(rng):
    """Draw digits in the style of MNIST-M: the absolute difference to a photo."""
    return np.stack([np.abs(texture(rng, 32, 9) - digit[..., None]) for digit in draw_digits(32)])


def draw_coloured(rng):
    """Draw digits in the style of house numbers: one colour on a shaded wall of another."""
    walls = np.stack([texture(rng, 32, 2) for _ in range(10)])
    return walls + 0.3 * draw_digits(32)[..., None] * (1 - 2 * walls)


DRAWN = {
    'plain': lambda rng: draw_digits(28),
    'blended': draw_blended,
    'coloured': draw_coloured,
    'small': lambda rng: draw_digits(16),
}


def neurn(images):
    """Apply NeuRN to images in [0, 255], shape (n, height, width) or (n, height, width, 3)."""
    pixels = torch.tensor(images / 255, dtype=torch.float32)
    channels_first = pixels.permute(0, 3, 1, 2) if images.ndim == 4 else pixels[:, None]
    output = (255 * NeuRN()(channels_first)).round().byte()
    return (output.permute(0, 2, 3, 1) if images.ndim == 4 else output[:, 0]).numpy()


def paste(sheet, images, top):
    """Paste a row of images into the sheet, each enlarged by the largest whole factor that fits its cell."""
    for column, image in enumerate(images):
        size = CELL // len(image) * len(image)
        enlarged = Image.fromarray(image).resize((size, size), Image.Resampling.NEAREST)
        margin = (CELL - size) // 2
        sheet.paste(enlarged, (LABEL + column * (CELL + GAP) + margin, top + margin))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--digits', type=Path, metavar='FOLDER')
    parser.add_argument('--out', type=Path, default=Path(__file__).parent / 'neurn_digits.png', metavar='FILE')
    arguments = parser.parse_args()

    domain_height = 2 * CELL + 3 * GAP
    sheet = Image.new('RGB', (LABEL + 10 * (CELL + GAP), GAP + len(DOMAINS) * domain_height), 'dimgray')
    draw = ImageDraw.Draw(sheet)
    rng = np.random.default_rng(0)
    for row, name in enumerate(DOMAINS if arguments.digits else DRAWN):
        if arguments.digits:
            images = DOMAINS[name](arguments.digits)
        else:
            images = np.round(255 * DRAWN[name](rng).clip(0, 1)).astype(np.uint8)
        top = GAP + row * domain_height
        for label, shown in ((name, images), ('NeuRN', neurn(images))):
            paste(sheet, shown, top)
            draw.text((LABEL / 2, top + CELL / 2), label, fill='white', anchor='mm', font_size=22)
            top += CELL + GAP
    sheet.save(arguments.out)
    print(f'wrote {arguments.out}')


if __name__ == '__main__':
    main()
