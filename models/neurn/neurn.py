"""NeuRN: local contrast in place of level, from Jalil, Qazi & Iqbal (2025), arXiv 2505.06881."""

from numbers import Integral, Real
from typing import Final

import torch
from torch import nn
from torch.nn import functional

PADDINGS = ('edge', 'zero', 'reflect')
SCOPES = ('image', 'channel')


class NeuRN(nn.Module):
    """Standard deviation of each pixel's neighbourhood over the largest one of the image.

    For every channel and every pixel, the population standard deviation of the kernel_size x kernel_size pixels
    around it, divided by its maximum. The output has the shape of the input and lies in [0, 1]. It doesn't change
    under ``x -> a * x + b`` with a > 0, while a times the largest deviation stays above `eps`; with zero padding,
    where b is an edge around the image, under ``x -> a * x`` only.

    The paper leaves open what stands beyond the border, over what the maximum is taken and what a constant image
    gives. `padding`, `scope` and `eps` are these choices; their defaults are ours.

    Parameters
    ----------
    kernel_size : int
        Odd, 3 or more, at most the height and width of the image.
    padding : {'edge', 'zero', 'reflect'}
        What stands beyond the border.
    scope : {'image', 'channel'}
        The maximum is taken over all channels of an image, or over each channel.
    eps : float
        Least divisor, in units of the input: an image whose largest deviation is below it is not stretched to 1.
        Constant images give zeros.

    Raises
    ------
    ValueError
        For parameters other than these.
    """

    # Variances below this count as zero. A power of four, so that its root is exact and flat regions give exact zeros.
    _least_variance: Final[float] = 2.0**-120
    _least_deviation: Final[float] = 2.0**-60
    # Images are taken together up to this many numbers: the dozen intermediate results then stay in the cache.
    _at_once: Final[int] = 200_000

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
        """What distinguishes this layer from another."""
        return f'kernel_size={self.kernel_size}, padding={self.padding!r}, scope={self.scope!r}, eps={self.eps}'

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Local contrast of images.

        Parameters
        ----------
        images : floating point tensor, shape (n, channels, height, width) or (channels, height, width)
            In any units and of any level; half precision is computed in float32.

        Returns
        -------
        tensor
            Tensor of the same shape and type.

        Raises
        ------
        ValueError
            When the shape or type is another, the kernel is larger than the image, or a pixel is NaN or infinite
            (or so large that its square is). Integer images are refused, since the result lies between 0 and 1;
            ``images.float()`` is enough, the scale doesn't matter.
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
        at_once = max(1, self._at_once // max(1, images[0].numel()))
        return torch.cat([self._contrast(some) for some in images.split(at_once)])

    def _traced(self) -> bool:
        """Whether the number of images is to be left open, and values can't be looked at."""
        if torch.jit.is_scripting():
            return False
        return torch.compiler.is_compiling() or torch.jit.is_tracing()

    def _contrast(self, images: torch.Tensor) -> torch.Tensor:
        half = self.kernel_size // 2
        wide = images if images.dtype == torch.float64 else images.float()
        padded = functional.pad(wide, [half, half, half, half], mode=self._mode)
        # Law of total variance: that of the window is the mean of its columns' variances and the variance of their
        # means. Both are sums of squares of differences between neighbours, so nothing cancels, whatever the level.
        middle = padded.narrow(2, half, images.size(2))
        column_offset, column_variance = _moments(padded, None, 2, self.kernel_size)
        _, variance = _moments(middle, column_offset, 3, self.kernel_size)
        width = images.size(3)
        total = column_variance.narrow(3, 0, width)
        for place in range(1, self.kernel_size):
            total = total + column_variance.narrow(3, place, width)
        variance = torch.add(variance, total, alpha=1.0 / self.kernel_size)
        # The root's slope is infinite at zero: below the clamp there is none.
        deviation = variance.clamp_min(self._least_variance).sqrt() - self._least_deviation
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
    """Mean, less the middle one, and variance of each `count` neighbours along `dim` of values + offsets."""
    total = _difference(values, offsets, dim, 0, count)
    squares = total * total
    for place in range(1, count):
        if place != count // 2:
            difference = _difference(values, offsets, dim, place, count)
            total = total + difference
            squares = torch.addcmul(squares, difference, difference)
    mean = total / count
    return mean, torch.addcmul(squares / count, mean, mean, value=-1.0)


def _difference(values: torch.Tensor, offsets: torch.Tensor | None, dim: int, place: int, count: int) -> torch.Tensor:
    """Of the neighbour at `place` of `count` and the middle one, in values + offsets.

    The two are not added: beside a large value, a small offset would lose its digits.
    """
    size = values.size(dim) - count + 1
    difference = values.narrow(dim, place, size) - values.narrow(dim, count // 2, size)
    if offsets is None:
        return difference
    return difference + (offsets.narrow(dim, place, size) - offsets.narrow(dim, count // 2, size))
