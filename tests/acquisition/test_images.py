"""Images of all depths, modes and formats, against arithmetic by hand."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import m2m_benchmarks
from m2m_benchmarks.acquisition import images
from m2m_benchmarks.errors import DataError

RAMP = np.linspace(10, 240, 6 * 8).reshape(6, 8).astype(np.uint8)
COLOURS = np.stack([RAMP, RAMP[::-1], 255 - RAMP], axis=2)


def stored(pixels, kind='png', mode=None, **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


def read(*contents, **options):
    """Return the only or all images of a set, and the notes."""
    pictures = [images.decode(content, 'a.png', **options) for content in contents]
    pixels, notes = images.to_eight_bit(pictures, 'stimuli')
    assert all(image.dtype == np.uint8 for image in pixels)
    return pixels[0] if len(pixels) == 1 else pixels, notes


def deep_png(samples, colour_type):
    """Write a 16-bit PNG of several channels, which Pillow cannot."""
    height, width, _ = samples.shape
    rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in samples)
    return png_file(width, height, 16, colour_type, rows)


def png_file(width, height, bits, colour_type, rows):
    chunks = (
        (b'IHDR', struct.pack('>IIBBBBB', width, height, bits, colour_type, 0, 0, 0)),
        (b'IDAT', zlib.compress(rows)),
        (b'IEND', b''),
    )
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data)) for name, data in chunks
    )


def planar_tiff(samples):
    """Write a TIFF of planes one after the other, without compression, which Pillow cannot."""
    height, width, n_planes = samples.shape
    plane_bytes = height * width * samples.itemsize
    table = 8 + 2 + 9 * 12 + 4  # after the header and the directory: places, sizes and bits of the planes
    pixels = table + 10 * n_planes
    entries = (
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, n_planes, table + 8 * n_planes),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, n_planes, table),
        (277, 3, 1, n_planes),
        (279, 4, n_planes, table + 4 * n_planes),
        (284, 3, 1, 2),
    )
    values = struct.pack(
        f'<{n_planes}I{n_planes}I{n_planes}H',
        *(pixels + i * plane_bytes for i in range(n_planes)),
        *[plane_bytes] * n_planes,
        *[8 * samples.itemsize] * n_planes,
    )
    directory = b''.join(struct.pack('<HHII', *entry) for entry in entries)
    planes = b''.join(np.ascontiguousarray(samples[..., i]).tobytes() for i in range(n_planes))
    return b'II*\0' + struct.pack('<IH', 8, len(entries)) + directory + bytes(4) + values + planes


def palette():
    return Image.fromarray(RAMP).convert('P')


SAME = {
    'grey': (stored(RAMP), RAMP),
    'colour': (stored(COLOURS), COLOURS),
    'colour as BMP': (stored(COLOURS, 'bmp'), COLOURS),
    'colour as WebP': (stored(COLOURS, 'webp', lossless=True), COLOURS),
    'colour as PNM': (stored(COLOURS, 'ppm'), COLOURS),
    'a GIF of one image': (stored(RAMP, 'gif'), np.dstack([RAMP] * 3)),
    'packed TIFF': (stored(COLOURS, 'tiff', compression='tiff_lzw'), COLOURS),
    '1 bit': (stored(RAMP > 99), np.where(RAMP > 99, 255, 0)),
    'TIFF in planes': (planar_tiff(COLOURS), COLOURS),
    '1-bit TIFF, white as 0': (stored(RAMP > 99, 'tiff', tiffinfo={262: 0}), np.where(RAMP > 99, 255, 0)),
    'a palette': (stored(palette()), np.asarray(palette().convert('RGB'))),
    '16 bit': (stored(RAMP.astype(np.uint16) * 257), RAMP),
    '16-bit TIFF': (stored(RAMP.astype(np.uint16) * 257, 'tiff'), RAMP),
    'big-endian TIFF': (stored(RAMP.astype('>u2') * np.array(257, '>u2'), 'tiff'), RAMP),
    '16-bit colour': (deep_png(COLOURS.astype(int) * 257, 2), COLOURS),
    '12 bits in 16': (stored((np.arange(48).reshape(6, 8) * 87).astype(np.uint16)), None),
    '8 bits in 32': (stored(RAMP.astype(np.int32), 'tiff'), RAMP),
    '16 bits in 32': (stored(RAMP.astype(np.int32) * 257, 'tiff'), RAMP),
    'floats to 1': (stored((RAMP / 255).astype(np.float32), 'tiff'), RAMP),
    'floats to 255': (stored(RAMP.astype(np.float32) + 0.25, 'tiff'), RAMP),
    'opaque': (stored(np.dstack([COLOURS, np.full_like(RAMP, 255)])), COLOURS),
    'CMYK': (
        stored(Image.fromarray(COLOURS).convert('CMYK'), 'tiff'),
        np.asarray(Image.fromarray(COLOURS).convert('CMYK').convert('RGB')),
    ),
}


@pytest.mark.parametrize('kind', SAME)
def test_pixels(kind):
    content, expected = SAME[kind]
    if expected is None:
        expected = np.rint(np.arange(48).reshape(6, 8) * 87 * 255 / 4095)
    np.testing.assert_array_equal(read(content)[0], expected)


def test_every_value_of_16_bits_is_rounded():
    values = np.arange(65536, dtype=np.uint16)
    scaled, notes = images.scale([values], ['a'], 'x')
    np.testing.assert_array_equal(images.eight_bit(scaled[0]), [round(value / 257) for value in range(65536)])
    assert notes == ['x: pixels are whole numbers of more than 8 bits, up to 65,535; 65,535 is taken for white.']


@pytest.mark.parametrize(
    ('arrays', 'white', 'note'),
    [
        ([np.uint16([0, 255])], 255, 'up to 255; 255 is'),
        ([np.int64([0, 256])], 4095, 'up to 256; 4,095 is'),
        ([np.uint16([0, 4095]), np.uint16([7])], 4095, 'up to 4,095; 4,095 is'),
        ([np.uint16([0, 9]), np.uint16([4096])], 65535, 'up to 4,096; 65,535 is'),  # one white for the whole set
        ([np.float64([0, 1]), np.uint8([9])], 1, 'floating point, up to 1; 1 is'),
        ([np.float32([0, 0.4]), np.float32([200])], 255, 'floating point, up to 200; 255 is'),
        ([np.array([True, False])], 1, None),
        ([np.uint8([3])], 255, None),
    ],
)
def test_one_white_for_a_set(arrays, white, note):
    scaled, notes = images.scale(arrays, ['a'] * len(arrays), 'x')
    for array, pixels in zip(arrays, scaled, strict=True):
        of_this = 255 if array.dtype == np.uint8 else white
        np.testing.assert_array_equal(images.eight_bit(pixels), np.rint(array / of_this * 255))
    assert len(notes) == (note is not None)
    assert note is None or note in notes[0]


@pytest.mark.parametrize(
    'values',
    [
        np.int16([-1, 9]),
        np.int32([0, 65536]),
        np.float32([0, 1.5]),
        np.float32([0, 16]),
        np.float32([0, 256]),
        np.float32([-0.1, 1]),
        np.float32([0, np.inf]),
        np.float32([np.nan]),
        np.array(['a']),
        np.array([1j]),
    ],
)
def test_values_without_a_rule(values):
    with pytest.raises(DataError, match=r'b has pixels (from .* to .*; expected 8-bit|of type)'):
        images.scale([np.uint8([]), values], ['a', 'b'], 'x')
    if values.dtype.kind == 'f':
        with pytest.raises(DataError, match='b has pixels from'):
            images.scale([np.float32([0, 1]), values, np.float32([1])], ['a', 'b', 'c'], 'x')


@pytest.mark.parametrize('background', [(255, 255, 255), (0, 0, 0), (200, 10, 90)])
@pytest.mark.parametrize('kind', ['RGBA', 'LA', 'palette', 'WebP', '16 bit'])
def test_transparent_images_are_laid_on_the_background(kind, background):
    alpha = np.linspace(0, 255, RAMP.size).reshape(RAMP.shape).astype(np.uint8)
    ink = COLOURS if kind not in ('LA', 'palette') else np.dstack([RAMP] * 3)
    rgba = np.dstack([ink, alpha])
    if kind == 'LA':
        content = stored(np.dstack([RAMP, alpha]))
    elif kind == 'palette':
        alpha = np.where(RAMP > 120, 255, 0)
        image = Image.fromarray(np.where(RAMP > 120, RAMP, 0).astype(np.uint8)).convert('P')
        content = stored(image, transparency=image.getpixel((0, 0)))
    elif kind == 'WebP':
        content = stored(rgba, 'webp', lossless=True, exact=True)
    elif kind == '16 bit':
        content = deep_png(rgba.astype(int) * 257, 6)
    else:
        content = stored(rgba)
    share = alpha[..., None] / 255
    expected = ink * share + np.array(background) * (1 - share)
    pixels, notes = read(content, background=background)
    assert pixels.ndim == (2 if kind == 'LA' and background[0] == background[1] else 3)
    assert np.abs((pixels if pixels.ndim == 3 else pixels[..., None]) - expected).max() <= 1
    name = {255: 'white', 0: 'black', 200: '#c80a5a'}[background[0]]
    assert notes == [f'stimuli: 1 of 1 images were laid on {name}, because they are transparent.']


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
def test_transparent_arrays_are_laid_on_the_background(dtype):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 5, 5, 4)).astype(np.uint8)
    given = pixels if dtype == np.uint8 else (pixels / 255).astype(np.float32)
    laid, notes = images.lay_on(given, (10, 20, 30), 'x')
    expected = [Image.alpha_composite(Image.new('RGBA', (5, 5), (10, 20, 30)), Image.fromarray(one)) for one in pixels]
    assert np.abs(images.eight_bit(laid).astype(int) - [np.asarray(one)[..., :3] for one in expected]).max() <= 1
    assert notes == ['x: images were laid on #0a141e, because they are transparent.']
    opaque = given.copy()
    opaque[..., 3] = 255 if dtype == np.uint8 else 1
    laid, notes = images.lay_on(opaque, (10, 20, 30), 'x')
    np.testing.assert_array_equal(laid, opaque[..., :3])
    assert notes == []
    with pytest.raises(DataError, match='transparent everywhere'):
        images.lay_on(np.zeros_like(given), (10, 20, 30), 'x')


@pytest.mark.parametrize('kind', ['png', 'tiff', 'webp', 'jpeg'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_images_are_turned_as_their_tag_says(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {'webp': {'lossless': True}, 'jpeg': {'quality': 100}}.get(kind, {})
    seen = read(stored(RAMP, kind, 'RGB', exif=exif, **options))[0]
    # By hand: row and column of the file's first pixel, and whether its rows are columns (EXIF 2.32, Orientation).
    lying = RAMP.T if orientation >= 5 else RAMP
    upright = {2: np.s_[:, ::-1], 3: np.s_[::-1, ::-1], 4: np.s_[::-1], 6: np.s_[:, ::-1], 7: np.s_[::-1, ::-1]}
    upright[8] = np.s_[::-1]
    expected = lying[upright.get(orientation, np.s_[:])]
    assert seen.shape[:2] == expected.shape
    assert np.abs(seen[..., 0].astype(int) - expected).max() <= (3 if kind == 'jpeg' else 0)


def test_notes_count_what_was_done():
    exif = Image.Exif()
    exif[0x0112] = 3
    turned, plain = stored(RAMP, exif=exif), stored(RAMP)
    assert read(turned, plain, turned)[1] == [
        'stimuli: 2 of 3 images were turned upright, as their orientation tags say.'
    ]
    assert read(plain)[1] == []
    exif[0x0112] = 9  # not an orientation
    assert read(stored(RAMP, exif=exif))[1] == []
    assert images.notes_on_brightness([RAMP], 'x') == []
    assert 'x: the brightest pixel is 16 of 255' in images.notes_on_brightness([RAMP // 16 + 1], 'x')[0]


def test_images_with_the_same_pixels_are_noted():
    names = ['a', 'b', 'c', 'd', 'e']
    note = images.notes_on_repeats([RAMP, COLOURS, RAMP.copy(), RAMP.T, COLOURS], names, 'stimuli')
    assert len(note) == 1
    assert note[0].startswith('stimuli: 4 images have the same pixels as another one, such as a and c.')
    assert images.notes_on_repeats([RAMP, RAMP // 2, RAMP.reshape(-1, 1)], 'abc', 'stimuli') == []


def animation(kind):
    return stored(RAMP, kind, save_all=True, append_images=[Image.fromarray(RAMP[::-1].copy())])


BAD = {
    'an animated GIF': (animation('gif'), 'holds 2 images: it is animated'),
    'an animated PNG': (animation('png'), 'holds 2 images'),
    'an animated WebP': (animation('webp'), 'holds 2 images'),
    'a TIFF of two pages': (animation('tiff'), 'holds 2 images: it is animated, or has several pages'),
    'PostScript': (b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n', 'cannot be read as an image: it is damaged'),
    'PDF': (stored(RAMP, 'pdf'), 'cannot be read as an image'),
    'ICO': (stored(RAMP, 'ico'), 'PNG, JPEG, TIFF, BMP, GIF, WebP and PNM are'),
    'text': (b'no image', 'cannot be read as an image'),
    'nothing': (b'', 'cannot be read as an image: it is empty'),
    'a cut PNG': (stored(COLOURS)[:-40], r'a\.png cannot be read as an image \(.*cut short or damaged'),
    'a cut JPEG': (stored(np.tile(COLOURS, (9, 9, 1)), 'jpeg')[:-200], 'cut short or damaged'),
    'invisible': (stored(np.dstack([COLOURS, np.zeros_like(RAMP)])), 'transparent everywhere'),
    '12 bits in 16-bit colour': (deep_png(COLOURS.astype(int) * 16, 2), 'at most the lowest 12 bits'),
    '16-bit TIFF, white as 0': (stored(RAMP.astype(np.uint16), 'tiff', tiffinfo={262: 0}), 'with white as 0'),
    'Lab': (stored(Image.fromarray(COLOURS).convert('LAB'), 'tiff'), 'colour mode LAB'),
    'TIFF of negative bytes': (stored(RAMP, 'tiff', tiffinfo={339: 2}), 'has pixels that may be negative'),
    '16-bit TIFF in planes': (
        planar_tiff(COLOURS.astype('<u2') * 257),
        'has 16-bit channels that are stored one after the other, which are not read',
    ),
    'huge': (png_file(20_000, 20_000, 1, 0, b''), 'pixels; expected at most 89,000,000 in all'),
}


@pytest.mark.parametrize('kind', BAD)
def test_refused(kind):
    content, message = BAD[kind]
    with pytest.raises(DataError, match=message):
        images.decode(content, 'a.png')


def test_a_first_image_with_previews(tmp_path):
    """Cameras write MPO files: a JPEG, then previews or depth maps."""
    content = stored(COLOURS, 'mpo', save_all=True, append_images=[Image.fromarray(RAMP)], quality=100)
    assert images.decode(content, 'a.jpg').values.shape == COLOURS.shape


@pytest.mark.parametrize(
    ('content', 'plain'),
    [
        (stored(RAMP), True),
        (stored(COLOURS), True),
        (stored(COLOURS, 'bmp'), False),
        (stored(palette()), False),
        (stored(RAMP > 9), False),
        (deep_png(COLOURS.astype(int) * 257, 2), False),
        (stored(np.dstack([COLOURS, np.full_like(RAMP, 255)])), False),
    ],
)
def test_which_files_are_kept_as_they_are(content, plain):
    assert images.decode(content, 'a.png').is_plain_png == plain


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r'a\.png cannot be read as an image: No such file'):
        images.decode_file(tmp_path / 'a.png')


@pytest.mark.parametrize('name', ['._a.png', '__MACOSX/._a.png', 'b/.hidden/a.png', '__MACOSX/a.png'])
def test_helper_files(name):
    assert images.is_helper_file(name)
    assert not images.is_helper_file('b/a.png')


def test_a_thumbnail(tmp_path):
    """It is small, RGB, upright and in 8 bits."""
    path = tmp_path / 'deep.png'
    path.write_bytes(images.png(np.full((30, 60), 255, dtype=np.uint8)))
    assert images.thumbnail(path, 20).shape == (10, 20, 3)
    Image.fromarray(np.full((30, 60), 65535, dtype=np.uint16)).save(path)
    np.testing.assert_array_equal(images.thumbnail(path, 20), np.full((10, 20, 3), 255, dtype=np.uint8))


def test_there_is_one_door():
    """No other module opens images, so that all of them know depth, transparency and orientation."""
    package = Path(m2m_benchmarks.__file__).parent
    opening = [path for path in package.rglob('*.py') if path.name != 'test.py' and 'Image.open' in path.read_text()]
    assert opening == [package / 'acquisition' / 'images.py']
