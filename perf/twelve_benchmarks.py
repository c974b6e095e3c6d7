"""Time of each model's twelve area benchmarks of a dataset, inside and outside the forward passes.

    python perf/twelve_benchmarks.py MODEL@FILE [MODEL@FILE ...] --dataset Siegle2021

The models are scored one after the other in one process: what doesn't depend on the model, such as ceilings, is
computed for the first. The stores are empty (a temporary M2M_HOME with the dataset linked into it). Ratios are those
to the forward passes: of all that the scores without errors need, and of everything else together.
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
    from m2m_benchmarks.benchmarks.neural import AreaBenchmark
    from m2m_benchmarks.scoring import activations
    from m2m_benchmarks.scoring import score as scoring
    from m2m_benchmarks.scoring.activations import Activations
    from m2m_benchmarks.scoring.candidates import load_candidate
    from m2m_benchmarks.scoring.score import score_candidate
    from m2m_benchmarks.scoring.scratch import ScratchLayer
    from m2m_benchmarks.storage import home

    places = {
        'preprocess': Activations,
        'respond': Activations,
        'write': ScratchLayer,
        'gram_reduce': activations,
        'compare': AreaBenchmark,
        'score_halves': AreaBenchmark,
        'own_units': scoring,
    }
    spent, running = dict.fromkeys(places, 0.0), []

    def timed(place, name):
        original = getattr(place, name)

        def run(*args, **options):
            if running:  # a part of what is timed
                return original(*args, **options)
            running.append(name)
            start = time.perf_counter()
            try:
                return original(*args, **options)
            finally:
                spent[name] += time.perf_counter() - start
                running.clear()

        setattr(place, name, run)

    for name, place in places.items():
        timed(place, name)
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
            spent.update(dict.fromkeys(spent, 0.0))
            start, cpu = time.perf_counter(), time.process_time()
            scores = list(score_candidate(candidate, benchmarks))
            total, cpu = time.perf_counter() - start, time.process_time() - cpu
            print(f'{name}, {len(candidate.layers)} layers')
            for score in scores:
                result = score.attrs['result']
                print(f'  {result["benchmark"]}: {result["score"]:.3f} ± {result["error"]:.3f}')
            forward, other = spent['respond'], total - sum(spent.values())
            points = spent['write'] + spent['gram_reduce'] + spent['compare'] + other
            everything = points + spent['score_halves'] + spent['own_units']
            print(f'  image decoding and resizing       {spent["preprocess"]:6.1f} s')
            print(f'  forward passes                    {forward:6.1f} s')
            print(f'  writing responses                 {spent["write"]:6.1f} s')
            print(f'  inner products of responses       {spent["gram_reduce"]:6.1f} s')
            print(f'  layers with neuroids              {spent["compare"]:6.1f} s')
            print(f'  storing and all else              {other:6.1f} s')
            print(f'  these four: scores without errors {points:6.1f} s  {points / forward:5.2f}')
            print(f'  scores, errors, ceilings          {spent["score_halves"]:6.1f} s')
            print(f'  own units                         {spent["own_units"]:6.1f} s')
            print(f'  all but decoding and passes       {everything:6.1f} s  {everything / forward:5.2f}')
            print(f'  CPU, all together                 {cpu:6.1f} s', flush=True)


if __name__ == '__main__':
    main()
