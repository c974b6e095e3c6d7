"""Compare the scores of two versions of the library: every number of every result, to 1e-12.

    python perf/same_numbers.py score before.json --weights FOLDER          (in the environment of one version)
    python perf/same_numbers.py score after.json --weights FOLDER           (in that of the other)
    python perf/same_numbers.py compare before.json after.json

Scores the candidates of `examples/siegle2021.md`, and the NeuRN twins, on the dataset `Siegle2021` of M2M_HOME with the
weights in FOLDER (squeezenet1_1.pth, shufflenet_v2_x0_5.pth). Layers and settings are compared too. Scores that the
same version of the code has computed before come from the results in M2M_HOME.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

BENCHMARKS = ('Siegle2021-rdm', 'Siegle2021-ridge')
#: Keys that differ between two runs of the same version, or describe the machine.
IGNORED = {'seconds', 'peak_memory_mb', 'created', 'versions'}
TOLERANCE = 1e-12


def candidates(weights):
    """Return the candidates and their weights."""
    return {
        'squeezenet': ('torchvision:squeezenet1_1', weights / 'squeezenet1_1.pth'),
        'shufflenet': ('torchvision:shufflenet_v2_x0_5', weights / 'shufflenet_v2_x0_5.pth'),
        'untrained': ('torchvision:squeezenet1_1', 'none'),
        'pixels': ('pixels_64', 'default'),
        'neurn': ('neurn_squeezenet1_1', weights / 'squeezenet1_1.pth'),
        'plain': ('plain_squeezenet1_1', weights / 'squeezenet1_1.pth'),
    }


def score(path, weights):
    """Write the results of all candidates to a JSON file."""
    results = {}
    for name, (model, file) in candidates(weights).items():
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / 'result.json'
            command = [sys.executable, '-m', 'm2m_benchmarks.cli.main', 'score', model, *BENCHMARKS]
            subprocess.run([*command, '--weights', str(file), '--json', str(output)], check=True)
            results[name] = json.loads(output.read_text())
    path.write_text(json.dumps(results, indent=1))


def leaves(value, path=''):
    """Yield (path, leaf) of a nested result."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in IGNORED:
                yield from leaves(part, f'{path}/{key}')
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from leaves(part, f'{path}/{i}')
    else:
        yield path, value


def compare(before, after):
    """Print the differences, and return whether any number differs."""
    first, second = (dict(leaves(json.loads(path.read_text()))) for path in (before, after))
    numbers, differing, largest = 0, [], 0.0
    for path, value in first.items():
        other = second.get(path, 'missing')
        if isinstance(value, float) and isinstance(other, float):
            numbers += 1
            largest = max(largest, abs(value - other))
            if abs(value - other) > TOLERANCE:
                differing.append(f'{path}: {value!r} became {other!r}')
        elif value != other:
            print(f'text: {path}: {value!r} became {other!r}')
    new = sorted(set(second) - set(first))
    print(f'{numbers:,} numbers, largest difference {largest:.1e}, {len(differing)} differ by more than {TOLERANCE}')
    print(f'{len(new)} new fields' + (f', such as {new[0]}' if new else ''))
    print(*differing, sep='\n')
    return bool(differing)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    scoring = commands.add_parser('score')
    scoring.add_argument('file', type=Path)
    scoring.add_argument('--weights', type=Path, required=True)
    comparing = commands.add_parser('compare')
    comparing.add_argument('before', type=Path)
    comparing.add_argument('after', type=Path)
    arguments = parser.parse_args()
    if arguments.command == 'score':
        score(arguments.file, arguments.weights)
        return 0
    return int(compare(arguments.before, arguments.after))


if __name__ == '__main__':
    sys.exit(main())
