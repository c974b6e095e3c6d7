"""A network that is small enough to be trained in a test."""

import torch
from torch import nn
from torch.nn import functional


class SmallNetwork(nn.Module):
    """Three layers with weights, `conv`, `hidden` and `head`; its nonlinearities are functions, not modules.

    Parameters
    ----------
    n_classes : int
        Number of outputs.
    seed : int
        Random seed of the weights.
    """

    def __init__(self, n_classes: int = 10, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(3, 6, 5, stride=3)
        self.hidden = nn.Linear(600, 40)
        self.head = nn.Linear(40, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return outputs of shape (n_images, n_classes) for images of at least 5 x 5 pixels."""
        # Images of 32 x 32 have maps of this size without pooling.
        maps = functional.adaptive_avg_pool2d(functional.relu(self.conv(images)), 10)
        outputs: torch.Tensor = self.head(functional.relu(self.hidden(maps.flatten(1))))
        return outputs
