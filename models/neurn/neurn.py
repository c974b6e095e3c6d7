"""NeuRN: a layer that replaces levels by local contrast, from Jalil, Qazi & Iqbal (2025), arXiv 2505.06881."""

from numbers import Integral, Real
from typing import Final

import torch
from torch import nn
from torch.nn import functional

PADDINGS = ('edge', 'zero', 'reflect')
SCOPES = ('image', 'channel')


class NeuRN(nn.Module):
    """Standard deviation of each pixel's neighbourhood, divided by the largest one in the image.

    For every channel and every pixel, the population standard deviation of the kernel_size x kernel_size pixels
    around it, divided by its maximum. The output has the shape of the input and lies in [0, 1]. It is invariant
    to ``x -> a * x + b`` with a > 0, as long as a times the largest deviation is above `eps`; with zero padding, where
    b makes an edge around the image, only to ``x -> a * x``.

    The paper doesn't specify the padding, over which values the maximum is taken, and the result for a constant image.
    These are the parameters `padding`, `scope` and `eps`, whose defaults are ours.

    Parameters
    ----------
    kernel_size : int
        Odd number of 3 or more, at most the height and width of the image.
    padding : {'edge', 'zero', 'reflect'}
        Values beyond the border.
    scope : {'image', 'channel'}
        Values over which the maximum is taken: all channels of an image, or each channel.
    eps : float
        Minimum divisor, in units of the input: images with smaller deviations are not scaled up to 1. Constant images
        give zeros.

    Raises
    ------
    ValueError
        When a parameter has another value.
    """

    # Smaller variances count as zero. A power of four, so that its root is exact and constant regions give exact zeros.
    _min_variance: Final[float] = 2.0**-120
    _min_deviation: Final[float] = 2.0**-60
    # Images are processed together up to this many numbers, so that the dozen intermediate results fit into the cache.
    _chunk_size: Final[int] = 200_000

    kernel_size: int
    padding: str
    scope: str
    eps: float
    _mode: str

    def __init__(self, kernel_size: int = 3, padding: str = 'edge', scope: str = 'image', eps: float = 1e-6) -> None:
        super().__init__()
        whole = isinstance(kernel_size, Integral) and not isinstance(kernel_size, bool)
        if not whole or kernel_size < 3 or kernel_size % 2 == 0:
            raise ValueError(f'kernel_size is {kernel_size!r}, expected an odd number of 3 or more')
        if padding not in PADDINGS:
            raise ValueError(f'padding is {padding!r}, expected one of {", ".join(PADDINGS)}')
        if scope not in SCOPES:
            raise ValueError(f'scope is {scope!r}, expected one of {", ".join(SCOPES)}')
        if isinstance(eps, bool) or not isinstance(eps, Real) or not 0 < eps < float('inf'):
            raise ValueError(f'eps is {eps!r}, expected a positive number')
        self.kernel_size = int(kernel_size)
        self.padding = padding
        self.scope = scope
        self.eps = float(eps)
        self._mode = {'edge': 'replicate', 'zero': 'constant', 'reflect': 'reflect'}[padding]

    def extra_repr(self) -> str:
        """Parameters, for the repr."""
        return f'kernel_size={self.kernel_size}, padding={self.padding!r}, scope={self.scope!r}, eps={self.eps}'

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Compute the local contrast of images.

        Parameters
        ----------
        images : floating point tensor, shape (n, channels, height, width) or (channels, height, width)
            Images in any units and at any level; half precision is computed in float32.

        Returns
        -------
        tensor
            Tensor of the same shape and type.

        Raises
        ------
        ValueError
            When the shape or type is wrong, the kernel is larger than the image, or a pixel is NaN, infinite, or so
            large that its square is. Integer images are an error, since the result lies between 0 and 1; convert them
            with ``images.float()``, the scale doesn't matter.
        """
        if images.dim() != 3 and images.dim() != 4:
            raise ValueError(
                'expected images of shape (n, channels, height, width) or (channels, height, width), '
                f'got {images.dim()} dimensions'
            )
        if images.size(-3) == 0:
            raise ValueError('expected images of one channel or more, got none')
        if not images.is_floating_point():
            raise ValueError(f'expected floating point images, got {images.dtype}; convert them with .float()')
        if images.size(-2) < self.kernel_size or images.size(-1) < self.kernel_size:
            raise ValueError(
                f'expected images of at least {self.kernel_size} x {self.kernel_size}, the kernel, '
                f'got {images.size(-2)} x {images.size(-1)}'
            )
        if images.dim() == 3:
            return self._contrast(images.unsqueeze(0)).squeeze(0)
        if images.size(0) == 0 or images.device.type != 'cpu' or self._traced():
            return self._contrast(images)
        n_images = max(1, self._chunk_size // max(1, images[0].numel()))
        return torch.cat([self._contrast(chunk) for chunk in images.split(n_images)])

    def _traced(self) -> bool:
        """Whether the layer is being traced or compiled: the number of images is open, and values can't be read."""
        if torch.jit.is_scripting():
            return False
        return torch.compiler.is_compiling() or torch.jit.is_tracing()

    def _contrast(self, images: torch.Tensor) -> torch.Tensor:
        half = self.kernel_size // 2
        wide = images if images.dtype == torch.float64 else images.float()
        padded = functional.pad(wide, [half, half, half, half], mode=self._mode)
        # Law of total variance: that of the window is the mean of its columns' variances and the variance of their
        # means. Both are sums of squares of differences between neighbours, so nothing cancels at any level.
        middle = padded.narrow(2, half, images.size(2))
        column_offset, column_variance = _moments(padded, None, 2, self.kernel_size)
        _, variance = _moments(middle, column_offset, 3, self.kernel_size)
        width = images.size(3)
        total = column_variance.narrow(3, 0, width)
        for offset in range(1, self.kernel_size):
            total = total + column_variance.narrow(3, offset, width)
        variance = torch.add(variance, total, alpha=1.0 / self.kernel_size)
        # The root's slope is infinite at zero; the clamp makes it zero there.
        deviation = variance.clamp_min(self._min_variance).sqrt() - self._min_deviation
        if self.scope == 'image':
            largest = deviation.amax([1, 2, 3], keepdim=True)
        else:
            largest = deviation.amax([2, 3], keepdim=True)
        if not self._traced() and not bool(torch.isfinite(largest).all()):
            raise ValueError('expected finite pixels, got NaN, infinity, or a number whose square is infinite')
        return (deviation / largest.clamp_min(self.eps)).to(images.dtype)


def _moments(
    values: torch.Tensor, offsets: torch.Tensor | None, dim: int, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (relative to the middle one) and variance of each `count` neighbours along `dim` of values + offsets."""
    total = _difference(values, offsets, dim, 0, count)
    squares = total * total
    for index in range(1, count):
        if index != count // 2:
            difference = _difference(values, offsets, dim, index, count)
            total = total + difference
            squares = torch.addcmul(squares, difference, difference)
    mean = total / count
    return mean, torch.addcmul(squares / count, mean, mean, value=-1.0)


def _difference(values: torch.Tensor, offsets: torch.Tensor | None, dim: int, index: int, count: int) -> torch.Tensor:
    """Difference between neighbour `index` of `count` and the middle one, in values + offsets.

    The two are not added first: beside a large value, a small offset would lose its digits.
    """
    size = values.size(dim) - count + 1
    difference = values.narrow(dim, index, size) - values.narrow(dim, count // 2, size)
    if offsets is None:
        return difference
    return difference + (offsets.narrow(dim, index, size) - offsets.narrow(dim, count // 2, size))
