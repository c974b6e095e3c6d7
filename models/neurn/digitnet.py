"""DigitNet: the usual network for single-source domain generalization on digits.

Two convolutions and three linear layers, as in M-ADA (Qiao, Zhao & Peng 2020, Learning to learn single domain
generalization), RandConv and PDEN.
"""

import torch
from torch import nn


class DigitNet(nn.Module):
    """Convolution 5 x 5 to 64, max-pool, convolution 5 x 5 to 128, max-pool, linear 1024, 1024, n_classes.

    Parameters
    ----------
    n_classes : int
    """

    def __init__(self, n_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 5)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(64, 128, 5)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(128 * 5 * 5, 1024)
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(1024, 1024)
        self.relu4 = nn.ReLU()
        self.fc3 = nn.Linear(1024, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Compute logits, shape (n, n_classes), of images of shape (n, 3, 32, 32)."""
        maps = self.pool1(self.relu1(self.conv1(images)))
        maps = self.pool2(self.relu2(self.conv2(maps)))
        features = self.relu3(self.fc1(maps.flatten(1)))
        logits: torch.Tensor = self.fc3(self.relu4(self.fc2(features)))
        return logits
