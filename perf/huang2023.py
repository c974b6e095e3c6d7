"""Compare scores under `--protocol huang2023` with the published ones, and with this library's own.

    python perf/huang2023.py WEIGHTS PUBLISHED.csv

WEIGHTS is a folder with squeezenet1_1.pth and resnet18_conv1_to_layer3_bnfolded.pth (torchvision's ImageNet weights; of
ResNet-18 up to layer3), PUBLISHED.csv the table of the publication's appendix. Needs the dataset Siegle2021.
"""

import argparse
from pathlib import Path

import pandas as pd
import torch
import torchvision

from m2m_benchmarks import score

#: Layers of the publication, of the weights that are here.
SQUEEZENET = [*(f'features.{number}' for number in range(1, 13)), 'classifier.2', 'classifier.3']
RESNET = ['relu', 'maxpool', *(f'layer{stage}.{block}' for stage in (1, 2, 3) for block in (0, 1))]


def resnet18_to_layer3() -> torch.nn.Module:
    """ResNet-18 without its last stage and head."""
    network = torchvision.models.resnet18()
    network.layer4 = network.avgpool = network.fc = torch.nn.Identity()
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('weights', type=Path)
    parser.add_argument('published', type=Path)
    args = parser.parse_args()
    published = pd.read_csv(args.published).set_index('model')
    resnet = resnet18_to_layer3()
    state = torch.load(args.weights / 'resnet18_conv1_to_layer3_bnfolded.pth', weights_only=True)
    resnet.load_state_dict(state, strict=False)
    squeezenet = {'weights': args.weights / 'squeezenet1_1.pth', 'layers': SQUEEZENET}
    models = {
        'SqueezeNet1.1': ('torchvision:squeezenet1_1', squeezenet),
        'ResNet18': (resnet, {'name': 'resnet18_to_layer3', 'layers': RESNET}),
    }
    print(f'{"":16}{"":6}{"published":>11}{"protocol":>10}{"±":>7}{"own raw":>9}{"±":>7}')
    for name, (model, options) in models.items():
        for kind, column in (('rdm', 'rsa'), ('ridge', 'regression')):
            under = score(model, f'Siegle2021-{kind}', protocol='huang2023', **options).attrs['result']
            own = score(model, f'Siegle2021-{kind}', **options).attrs['result']
            print(
                f'{name:16}{kind:6}{published.loc[name, column]:11.3f}{under["raw"]:10.3f}{under["raw_error"]:7.3f}'
                f'{own["raw"]:9.3f}{own["raw_error"]:7.3f}',
                flush=True,
            )
    print(f'neuroids: {under["n_neuroids"]:,} under the protocol, {own["n_neuroids"]:,} in own scores')


if __name__ == '__main__':
    main()
