"""Images as an eye of limited acuity passes them on."""

import numpy as np
import scipy.fft

#: Spatial frequency in cycles per degree that is passed on at half its amplitude: the acuity of mice that were trained
#: to tell gratings from grey (Prusky, West & Douglas 2000, Behavioral assessment of visual acuity in mice and rats,
#: Vision Research 40, 2201-2209: about 0.5 cycles per degree).
MOUSE_ACUITY = 0.5


def low_pass(image: np.ndarray, degrees: tuple[float, float], acuity: float = MOUSE_ACUITY) -> np.ndarray:
    """Low-pass an image by a Gaussian of spatial frequency.

    A grating of f cycles per degree keeps exp(-log(2) (f / acuity)**2) of its amplitude, in any orientation, also where
    pixels are not square. At its edges the image is continued by its reflection, of which a discrete cosine transform
    is the spectrum; so the response is exact where a degree has few pixels, as that of a sampled kernel is not.

    Parameters
    ----------
    image : array, shape (height, width) or (height, width, channels)
    degrees : (width, height)
        Size of the image in visual degrees.
    acuity : float
        Frequency that is passed on at half its amplitude, in cycles per degree.

    Returns
    -------
    float array of the same shape
        Its mean is that of the image; values may lie slightly outside the range of the image.
    """
    spectrum = scipy.fft.dctn(image.astype(float), axes=(0, 1), norm='ortho')
    for axis, extent in enumerate(reversed(degrees)):
        frequencies = np.arange(image.shape[axis]) / (2 * extent)
        shape = [-1 if axis == each else 1 for each in range(image.ndim)]
        spectrum *= np.exp(-np.log(2) * (frequencies / acuity) ** 2).reshape(shape)
    passed: np.ndarray = scipy.fft.idctn(spectrum, axes=(0, 1), norm='ortho', overwrite_x=True)
    return passed
