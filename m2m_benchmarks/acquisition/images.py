"""Decoding of all images from outside, and their conversion from any bit depth to 8 bits.

Which value is white is decided for all images of a set together, from the type of their pixels and the largest value:

=====================  ====================  ==================================
pixels                 largest value         white
=====================  ====================  ==================================
8-bit                  any                   255; nothing is changed
1-bit, true and false  any                   1
other whole numbers    up to 255             255: 8-bit values in a larger type
other whole numbers    256 to 4,095          4,095: 12-bit values
other whole numbers    4,096 to 65,535       65,535: 16-bit values
floating point         up to 1               1
floating point         128 to 255            255
=====================  ====================  ==================================

Everything else is refused: negative values, NaN, larger numbers, and floating point that ends between 1 and 128, which
is neither [0, 1] nor plausibly [0, 255]. Each use of a rule is put into a note for the user.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

from m2m_benchmarks import limits
from m2m_benchmarks.errors import DataError

#: Endings of the names of image files; their content decides what they are.
SUFFIXES = (
    *('.png', '.jpg', '.jpeg', '.jpe', '.jfif', '.tif', '.tiff', '.bmp', '.gif', '.webp'),
    *('.ppm', '.pgm', '.pbm', '.pnm'),
)
#: Pixels of the largest image that is decoded: a small file may hold a huge one. Pillow warns above this number.
MOST_PIXELS = 89_000_000
#: Colour behind transparent images, unless another one is asked for.
WHITE = (255, 255, 255)

#: Pillow's names of the formats that are read. Of others it starts programs, such as Ghostscript for PostScript.
_FORMATS = ('PNG', 'JPEG', 'TIFF', 'BMP', 'GIF', 'WEBP', 'PPM')
_GREY = ('1', 'L', 'LA', 'La')
_COLOUR = ('P', 'PA', 'RGB', 'RGBX', 'RGBA', 'RGBa', 'CMYK', 'YCbCr')
#: A brightest pixel below this is worth a note.
_DARK = 200

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Picture:
    """A decoded image.

    Attributes
    ----------
    name : str
        Name of the file in messages.
    values : array, shape (height, width) or (height, width, 3)
        Pixels in the type that the file has: uint8, or a larger one with its own white.
    changes : tuple of str
        What was done to the image, such as turning it, for notes.
    is_plain_png : bool
        Whether the file is a PNG that any reader shows as `values`: 8-bit grey or RGB, and unchanged.
    """

    name: str
    values: np.ndarray
    changes: tuple[str, ...]
    is_plain_png: bool


def is_helper_file(name: str) -> bool:
    """Whether a path, relative to a folder or archive, is a hidden file or one that macOS adds to archives."""
    return any(part.startswith('.') or part == '__MACOSX' for part in PurePath(name).parts)


def decode_file(path: Path, most_pixels: int = MOST_PIXELS, background: Colour = WHITE) -> Picture:
    """Decode an image file; see `decode`."""
    try:
        content = limits.read_file(path)
    except OSError as error:
        raise DataError(f'{path} cannot be read as an image: {error.strerror or error}.') from error
    return decode(content, str(path), most_pixels, background)


def decode(content: bytes, name: str, most_pixels: int = MOST_PIXELS, background: Colour = WHITE) -> Picture:
    """Decode an image: upright, without transparency, and grey or RGB.

    Parameters
    ----------
    content : bytes
        Content of a PNG, JPEG, TIFF, BMP, GIF, WebP or PNM file.
    name : str
        Name of the file in messages.
    most_pixels : int
        Largest number of pixels that is decoded.
    background : tuple of int
        Colour (red, green, blue) that a transparent image is laid on.

    Raises
    ------
    DataError
        When it is damaged, of another format, too large, animated or of several pages, or when its values can't be
        told for sure.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            if image.width * image.height > most_pixels:
                raise DataError(
                    f'{name} has {image.width:,} x {image.height:,} pixels; expected at most {most_pixels:,} in all. '
                    'Make it smaller.'
                )
            # Further images of an MPO, the JPEG of some cameras, are previews and depth maps of the first.
            n_images = getattr(image, 'n_frames', 1)
            if n_images > 1 and image.format != 'MPO':
                raise DataError(
                    f'{name} holds {n_images} images: it is animated, or has several pages. Save the '
                    'intended one as a PNG.'
                )
            bits = _bits(image, content)  # before loading, which closes the file
            is_inverted = isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(262) == 0
            turned = image.getexif().get(0x0112, 1) in range(2, 9)
            misread = _misread(image, bits)
            if misread:
                raise DataError(f'{name} has {misread}, which are not read. Save it as an 8-bit PNG.')
            image.load()
            return _picture(image, name, bits, is_inverted, turned, background)
    except (DataError, MemoryError):
        raise
    except Image.UnidentifiedImageError as error:
        reason = 'it is damaged, or of a kind that is not read. PNG, JPEG, TIFF, BMP, GIF, WebP and PNM are'
        raise DataError(
            f'{name} cannot be read as an image: {reason if content else "it is empty"}. Copy it again, or save it as '
            'an 8-bit PNG.'
        ) from error
    except Image.DecompressionBombError as error:
        raise DataError(
            f'{name} has too many pixels; expected at most {most_pixels:,} in all. Make it smaller.'
        ) from error
    except Exception as error:  # Pillow's parsers raise many types for damaged files
        raise DataError(f'{name} cannot be read as an image ({error}): cut short or damaged. Copy it again.') from error


def _bits(image: Image.Image, content: bytes) -> int:
    """Bits of each channel in the file, of which Pillow keeps 8 in images of several channels."""
    if image.format == 'PNG':
        return content[24]
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(max(image.tag_v2.get(258, (1,))))
    return 8


def _misread(image: Image.Image, bits: int) -> str:
    """Pixels of a TIFF file that Pillow reads wrongly, without an error; '' if there are none."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return ''
    if bits == 8 and 2 in image.tag_v2.get(339, ()):  # the sign is taken for 128
        return 'pixels that may be negative'
    stored_apart = image.tag_v2.get(284) == 2 and image.tag_v2.get(277, 1) > 1
    if bits > 8 and stored_apart and image.tag_v2.get(259, 1) == 1:  # each byte is taken for a pixel
        return f'{bits}-bit channels that are stored one after the other'
    return ''


def _picture(image: Image.Image, name: str, bits: int, is_inverted: bool, turned: bool, background: Colour) -> Picture:
    changes = ['turned upright, as their orientation tags say'] * turned
    upright = ImageOps.exif_transpose(image) if turned else image
    if upright.mode.startswith(('I', 'F')):
        if is_inverted or 'transparency' in upright.info:
            raise DataError(
                f'{name} is {bits}-bit with {"white as 0" if is_inverted else "a transparent value"}, which is not '
                'read. Save it as an 8-bit PNG.'
            )
        values = np.asarray(upright)
        return Picture(name, values.astype(values.dtype.newbyteorder('=')), tuple(changes), is_plain_png=False)
    if upright.mode not in (*_GREY, *_COLOUR):
        raise DataError(f'{name} is of the colour mode {upright.mode}, which is not read. Save it as an RGB PNG.')
    if bits > 8 and np.asarray(upright.convert('RGB')).max() < 16:
        raise DataError(
            f'{name} has {bits}-bit channels, and uses at most the lowest 12 bits of them, so that white is unknown. '
            'Save it as an 8-bit PNG.'
        )
    grey = upright.mode in _GREY
    if upright.has_transparency_data:
        layer = upright.convert('RGBA')
        opacity = np.asarray(layer.getchannel('A'))
        if not opacity.any():
            raise DataError(f'{name} is transparent everywhere; expected an image with something on it.')
        if opacity.min() < 255:
            changes.append(f'laid on {colour_name(background)}, because they are transparent')
            layer = Image.alpha_composite(Image.new('RGBA', layer.size, (*background, 255)), layer)
            grey &= len(set(background)) == 1
        upright = layer.convert('RGB')
    is_plain_png = image.format == 'PNG' and image.mode in ('L', 'RGB') and bits <= 8 and not changes
    if grey and upright.mode == 'RGB':  # three equal channels
        upright = upright.getchannel('R')
    return Picture(name, np.asarray(upright.convert('L' if grey else 'RGB')), tuple(changes), is_plain_png)


def colour_name(colour: Colour) -> str:
    """Name of a colour in messages, such as white or #102030."""
    return {WHITE: 'white', (0, 0, 0): 'black'}.get(colour, '#{:02x}{:02x}{:02x}'.format(*colour))


def lay_on(pixels: np.ndarray, background: Colour, what: str) -> tuple[np.ndarray, list[str]]:
    """Lay arrays of RGB and opacity on a background.

    Parameters
    ----------
    pixels : array, shape (..., 4)
        Red, green, blue and opacity; uint8, or floating point in [0, 1].
    background : tuple of int
    what : str
        Name of the images in messages.

    Returns
    -------
    pixels : array, shape (..., 3)
        Red, green and blue, in the same type.
    notes : list of str

    Raises
    ------
    DataError
        When everything is transparent.
    """
    opaque = 255 if pixels.dtype == np.uint8 else 1
    colours, opacity = pixels[..., :3], pixels[..., 3:]
    if (opacity == opaque).all():
        return colours, []
    if not opacity.any():
        raise DataError(f'{what} is transparent everywhere; expected images with something on them.')
    share = opacity / np.float32(opaque)
    laid = colours * share + np.array(background, dtype=np.float32) * (opaque / 255) * (1 - share)
    if pixels.dtype == np.uint8:
        laid = np.rint(laid)
    note = f'{what}: images were laid on {colour_name(background)}, because they are transparent.'
    return laid.astype(pixels.dtype), [note]


def scale(arrays: Sequence[np.ndarray], names: Sequence[str], what: str) -> tuple[list[np.ndarray], list[str]]:
    """Scale pixels of any depth, by the rule at the top of this module.

    Parameters
    ----------
    arrays : sequence of arrays
        Pixels of a set of images; each array may hold one image or many.
    names : sequence of str
        Name of each array in messages.
    what : str
        Name of the set in notes.

    Returns
    -------
    scaled : list of arrays
        Arrays of uint8, or of floating point in [0, 1], in which 1 is white.
    notes : list of str
        A sentence for each rule that was used.

    Raises
    ------
    DataError
        When there is no rule for the values.
    """
    notes: list[str] = []
    scaled = list(arrays)
    for kinds, meaning in (('b', 'flags'), ('iu', 'whole numbers of more than 8 bits'), ('f', 'floating point')):
        places = [
            i for i, array in enumerate(arrays) if array.dtype.kind in kinds and array.dtype != np.uint8 and array.size
        ]
        if not places:
            continue
        # of numpy, because Python's min and max may pass over a NaN
        lows, highs = ([float(end(arrays[i])) for i in places] for end in (np.min, np.max))
        lowest, highest = float(np.min(lows)), float(np.max(highs))
        white = _white(kinds, lowest, highest)
        if white is None:
            culprit = names[places[int(np.argmax(highs) if lowest >= 0 else np.argmin(lows))]]
            raise DataError(
                f'{culprit} has pixels from {lowest:,.10g} to {highest:,.10g}; expected 8-bit whole numbers, or '
                '[0, 1]; else floating point up to 255, or whole numbers of 12 or 16 bits.'
            )
        for i in places:
            if kinds == 'iu' and white == 255:
                scaled[i] = arrays[i].astype(np.uint8)
            elif kinds != 'f' or white != 1:
                scaled[i] = (arrays[i] / np.float64(white)).astype(np.float32)
        if kinds != 'b':
            notes.append(f'{what}: pixels are {meaning}, up to {highest:,.10g}; {white:,} is taken for white.')
    for array, name in zip(arrays, names, strict=True):
        if array.dtype.kind not in 'biuf':
            raise DataError(f'{name} has pixels of type {array.dtype}; expected uint8, or floating point in [0, 1].')
    return scaled, notes


def _white(kinds: str, lowest: float, highest: float) -> int | None:
    """Value that is white; None if there is no rule for these pixels."""
    if kinds == 'b':
        return 1
    if not lowest >= 0:  # negative or NaN
        return None
    if kinds == 'iu':
        return next((2**bits - 1 for bits in (8, 12, 16) if highest < 2**bits), None)
    return 1 if highest <= 1 else 255 if 128 <= highest <= 255 else None


def eight_bit(scaled: np.ndarray) -> np.ndarray:
    """Round pixels that `scale` returned to uint8."""
    return scaled if scaled.dtype == np.uint8 else np.rint(scaled.astype(np.float64) * 255).astype(np.uint8)


def to_eight_bit(pictures: Sequence[Picture], what: str) -> tuple[list[np.ndarray], list[str]]:
    """Bring the decoded images of a set to 8 bits.

    Parameters
    ----------
    pictures : sequence of Picture
    what : str
        Name of the set in messages.

    Returns
    -------
    images : list of uint8 arrays, shape (height, width) or (height, width, 3)
    notes : list of str
        Sentences on what was done to the images.

    Raises
    ------
    DataError
        See `scale`.
    """
    scaled, notes = scale([picture.values for picture in pictures], [picture.name for picture in pictures], what)
    return [eight_bit(image) for image in scaled], [*notes, *notes_on_changes(pictures, what)]


def thumbnail(path: Path, most_side: int) -> np.ndarray:
    """Decode an image file and make it small enough to be shown.

    Parameters
    ----------
    path : path
    most_side : int
        Pixels of the longer side.

    Returns
    -------
    uint8 array, shape (height, width, 3)

    Raises
    ------
    DataError
        See `decode` and `scale`.
    """
    (values,), _ = to_eight_bit([decode_file(path)], str(path))
    small = Image.fromarray(values).convert('RGB')
    small.thumbnail((most_side, most_side))
    return np.asarray(small)


def notes_on_changes(pictures: Iterable[Picture], what: str) -> list[str]:
    """Count the images of each change in a sentence."""
    pictures = list(pictures)
    counts = Counter(change for picture in pictures for change in picture.changes)
    return [f'{what}: {n:,} of {len(pictures):,} images were {change}.' for change, n in counts.items()]


def notes_on_brightness(images: Iterable[np.ndarray], what: str) -> list[str]:
    """Note that the brightest of 8-bit pixels is far from white, as in images of the values 0 to 16."""
    brightest = max((int(image.max()) for image in images), default=255)
    if brightest >= _DARK:
        return []
    return [f'{what}: the brightest pixel is {brightest} of 255. If that is meant to be white, scale the images.']


def notes_on_repeats(images: Iterable[np.ndarray], names: Iterable[str], what: str) -> list[str]:
    """Note images of a set with the same pixels, which would be stimuli of their own.

    Parameters
    ----------
    images : iterable of uint8 arrays, shape (height, width) or (height, width, 3)
    names : iterable of str
        Names of the images.
    what : str
        Name of the set.
    """
    same: dict[tuple[tuple[int, ...], bytes], list[str]] = {}
    for image, name in zip(images, names, strict=True):
        same.setdefault((image.shape, hashlib.sha256(image.tobytes()).digest()), []).append(name)
    repeated = [own for own in same.values() if len(own) > 1]
    if not repeated:
        return []
    return [
        f'{what}: {sum(map(len, repeated)):,} images have the same pixels as another one, such as {repeated[0][0]} and '
        f'{repeated[0][1]}. Each is a stimulus of its own, so that a regression is tested on images that it was fitted '
        'to. If they are repetitions, import them as trials of one image.'
    ]


def png(image: np.ndarray) -> bytes:
    """Encode a uint8 image, shape (height, width) or (height, width, 3), as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, format='png')
    return file.getvalue()
