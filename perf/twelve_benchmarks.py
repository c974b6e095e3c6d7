"""Time of a model's twelve area benchmarks of a dataset, inside and outside the forward passes.

    python perf/twelve_benchmarks.py --weights squeezenet1_1.pth --dataset Siegle2021

Starts with an empty activation cache (a temporary M2M_HOME with the dataset linked into it).
"""

import argparse
import os
import tempfile
import time
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', default='torchvision:squeezenet1_1')
    parser.add_argument('--weights', default='none')
    parser.add_argument('--dataset', default='SimulatedMouse')
    arguments = parser.parse_args()

    from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier
    from m2m_benchmarks.scoring.activations import Activations
    from m2m_benchmarks.scoring.candidates import load_candidate
    from m2m_benchmarks.scoring.score import score_candidate
    from m2m_benchmarks.storage import home

    spent = {'preprocess': 0.0, 'respond': 0.0}

    def timed(name):
        original = getattr(Activations, name)

        def run(self, *args):
            start = time.perf_counter()
            try:
                return original(self, *args)
            finally:
                spent[name] += time.perf_counter() - start

        setattr(Activations, name, run)

    timed('preprocess')
    timed('respond')
    with tempfile.TemporaryDirectory() as folder:
        data = home() / 'data'
        if data.is_dir():
            (Path(folder) / 'data').symlink_to(data)
        os.environ['M2M_HOME'] = folder
        candidate = load_candidate(arguments.model, weights=arguments.weights)
        start = time.perf_counter()
        benchmarks = [
            str(NeuralIdentifier(arguments.dataset, None, None, comparison)) for comparison in ('rdm', 'ridge')
        ]
        scores = list(score_candidate(candidate, benchmarks))
        total = time.perf_counter() - start
    forward = sum(spent.values())
    for score in scores:
        result = score.attrs['result']
        print(f'{result["benchmark"]}: {result["score"]:.3f} ± {result["error"]:.3f}')
    print(f'image decoding and resizing  {spent["preprocess"]:6.1f} s')
    print(f'forward passes               {spent["respond"]:6.1f} s')
    print(f'everything else              {total - forward:6.1f} s  ({len(candidate.layers)} layers)')


if __name__ == '__main__':
    main()
