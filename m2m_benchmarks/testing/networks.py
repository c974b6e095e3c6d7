"""A network of one's own, small enough to be trained in a test."""

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
        Random seed of its weights.
    """

    def __init__(self, n_classes: int = 10, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(3, 6, 5, stride=3)
        self.hidden = nn.Linear(600, 40)
        self.head = nn.Linear(40, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Outputs, of shape (n_images, n_classes), for images of any size from 5 x 5 on."""
        # Pooled to what images of 32 x 32 have anyway.
        maps = functional.adaptive_avg_pool2d(functional.relu(self.conv(images)), 10)
        outputs: torch.Tensor = self.head(functional.relu(self.hidden(maps.flatten(1))))
        return outputs
