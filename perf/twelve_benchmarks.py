"""Time of each model's twelve area benchmarks of a dataset, inside and outside the forward passes.

    python perf/twelve_benchmarks.py MODEL@FILE [MODEL@FILE ...] --dataset Siegle2021

The models are scored one after the other in one process: what doesn't depend on the model, such as ceilings, is
computed for the first. The activation cache is empty (a temporary M2M_HOME with the dataset linked into it).
"""

import argparse
import os
import tempfile
import time
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('models', nargs='*', default=['torchvision:squeezenet1_1@none'])
    parser.add_argument('--dataset', default='SimulatedMouse')
    arguments = parser.parse_args()

    from m2m_benchmarks import load_benchmark
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
        benchmarks = [
            load_benchmark(str(NeuralIdentifier(arguments.dataset, None, None, comparison)))
            for comparison in ('rdm', 'ridge')
        ]
        for model in arguments.models:
            name, _, weights = model.partition('@')
            candidate = load_candidate(name, weights=weights or 'default')
            spent.update(preprocess=0.0, respond=0.0)
            start, cpu = time.perf_counter(), time.process_time()
            scores = list(score_candidate(candidate, benchmarks))
            total, cpu = time.perf_counter() - start, time.process_time() - cpu
            print(f'{name}, {len(candidate.layers)} layers')
            for score in scores:
                result = score.attrs['result']
                print(f'  {result["benchmark"]}: {result["score"]:.3f} ± {result["error"]:.3f}')
            print(f'  image decoding and resizing  {spent["preprocess"]:6.1f} s')
            print(f'  forward passes               {spent["respond"]:6.1f} s')
            print(f'  everything else              {total - sum(spent.values()):6.1f} s')
            print(f'  CPU, all together            {cpu:6.1f} s', flush=True)


if __name__ == '__main__':
    main()
