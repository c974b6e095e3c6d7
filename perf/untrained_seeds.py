"""RSA of each layer in one area, on all reliable neuroids: a trained network against untrained ones of several seeds.

python perf/untrained_seeds.py --weights squeezenet1_1.pth
"""

import argparse


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', default='torchvision:squeezenet1_1')
    parser.add_argument('--weights', required=True)
    parser.add_argument('--benchmark', default='Siegle2021.VISp-rdm')
    parser.add_argument('--seeds', type=int, default=4)
    arguments = parser.parse_args()

    from m2m_benchmarks import load_benchmark
    from m2m_benchmarks.scoring.activations import Activations
    from m2m_benchmarks.scoring.candidates import load_candidate
    from m2m_benchmarks.scoring.layer_choice import split_neuroids
    from m2m_benchmarks.scoring.layer_model import LayerModel

    benchmark = load_benchmark(arguments.benchmark)
    halves = split_neuroids(benchmark)
    rows = [('trained', load_candidate(arguments.model, weights=arguments.weights))]
    rows += [
        (f'seed {seed}', load_candidate(arguments.model, weights='none', seed=seed)) for seed in range(arguments.seeds)
    ]
    print(f'{arguments.benchmark}: raw score of the layer that is best on all neuroids')
    print(f'{"network":10} {"layer":14} {"all":>6} {"first half":>15} {"second half":>13}')
    for name, candidate in rows:
        activations = Activations(candidate)
        activations(benchmark.stimulus_set, candidate.layers)
        models = {layer: LayerModel(candidate, activations, {benchmark.region: layer}) for layer in candidate.layers}
        scores = {layer: benchmark.raw(model) for layer, model in models.items()}
        best = max(scores, key=lambda layer: scores[layer])
        first, second = (half.raw(models[best]) for half in (halves.first, halves.second))
        print(f'{name:10} {best:14} {scores[best]:6.3f} {first:15.3f} {second:13.3f}')


if __name__ == '__main__':
    main()
