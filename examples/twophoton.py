"""Published 2-photon matrices (Conwell et al. 2021): RSA of any models beside their ceilings, and beside Neuropixels.

    python examples/twophoton.py --matrices FOLDER pixels_64 torchvision:squeezenet1_1@FILE
    python examples/twophoton.py --matrices FOLDER pixels_64 --csv twophoton.csv

FOLDER holds `similarity_matrices.npz`, one matrix of similarities for each area and cortical layer, such as
VISp_layer23, the blank screen last, and `noise_ceilings.csv`. The images, and the recordings that the results are
compared with, are those of Siegle2021.

The network's layer is chosen on half of the images and compared on the other half, and the reverse; a value is the mean
of both. Chance is 0 and perfect 1; the ceiling is what the noise of these recordings lets through, as published.
"""

import argparse
import csv
import sys
import zipfile
from pathlib import Path

import numpy as np

from m2m_benchmarks.arrays import compare_rdms, rdm
from m2m_benchmarks.arrays.rank_permutation import permuted_spearman
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.cli.console import print_tables
from m2m_benchmarks.errors import DataError, M2MError
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.report.tables import Column, Row, Table, number, to_csv
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_model import layer_features
from m2m_benchmarks.scoring.specs import parse_candidate


def published(folder, n_images):
    """Read the dissimilarities of the images, without the blank screen, and the ceiling of each area and layer."""
    try:
        with np.load(folder / 'similarity_matrices.npz', allow_pickle=False) as file:
            matrices = {name: file[name] for name in file.files}
        with (folder / 'noise_ceilings.csv').open(encoding='utf-8') as file:
            ceilings = {f'{row["area"]}_{row["layer"]}': float(row['mean']) for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f'{folder} has no published matrices that can be read ({type(error).__name__}: {error}); expected '
            'similarity_matrices.npz and noise_ceilings.csv with the columns area, layer and mean.'
        ) from error
    rdms = {}
    for name in ceilings:
        if name not in matrices or matrices[name].shape != (n_images + 1, n_images + 1):
            raise DataError(f'{folder} has no matrix {name} of {n_images} images and the blank screen.')
        rdms[name] = 1 - matrices[name][:n_images, :n_images]
    return rdms, ceilings


def layer_rdms(spec, benchmark):
    """Compute the RDM of each layer of a model for the images of a benchmark."""
    candidate = load_candidate(spec.name, spec.weights)
    features = layer_features(Activations(candidate), benchmark, candidate.layers)
    return {layer: rdm(own.values) for layer, own in features}


def cross_fitted(target, layers, halves):
    """Compare a target with the layer that is the nearest on the other half of the images; mean of both halves."""
    values = []
    for chosen_on, compared_on in (halves, halves[::-1]):
        on = {layer: compare_rdms(own[chosen_on], target[chosen_on]) for layer, own in layers.items()}
        best = max(on, key=on.get)
        values.append(compare_rdms(layers[best][compared_on], target[compared_on]))
    return float(np.mean(values))


def compare(models, folder, dataset='Siegle2021', seed=0):
    """Compare models with the published matrices and with the recordings of a dataset.

    Returns the table of areas and layers, and the table of areas, with the order of areas and of models.
    """
    benchmark = load_benchmark(f'{dataset}-rdm')
    assert isinstance(benchmark, MeanBenchmark)
    recorded = {area.region: rdm(area.recordings.mean.values) for area in benchmark.areas}
    n_images = len(next(iter(recorded.values())))
    rdms, ceilings = published(folder, n_images)
    order = np.random.default_rng(seed).permutation(n_images)
    halves = [np.ix_(half, half) for half in (np.sort(order[::2]), np.sort(order[1::2]))]
    specs = map(parse_candidate, models)
    layers = {spec.label: layer_rdms(spec, benchmark.areas[0]) for spec in specs}
    values = {
        name: {model: cross_fitted(target, own, halves) for model, own in layers.items()}
        for name, target in rdms.items()
    }
    rows = []
    for name, own in values.items():
        area, layer = name.split('_')
        neuropixels = compare_rdms(recorded[area], rdms[name]) if area in recorded else None
        rows.append(Row((area, layer, ceilings[name], neuropixels, *own.values())))
    columns = [Column('area'), Column('layer'), number('ceiling'), number(dataset), *map(number, layers)]
    notes = [
        f'Spearman correlations of RDMs over {n_images} images, those of models over halves of them. Chance: 0; '
        f'perfect: 1; ceiling: as published. {dataset}: RDM of its neurons of the same area.'
    ]
    of_layers = Table(columns, rows, '2-photon matrices', notes=notes)
    return of_layers, _of_areas(values, recorded, layers, halves, dataset)


def _of_areas(values, recorded, layers, halves, dataset):
    """Make the table of areas: the mean over cortical layers beside the value on the other recordings."""
    areas = [area for area in recorded if any(name.split('_')[0] == area for name in values)]
    both = {}
    for model, own in layers.items():
        photon = [np.mean([row[model] for name, row in values.items() if name.split('_')[0] == area]) for area in areas]
        spikes = [cross_fitted(recorded[area], own, halves) for area in areas]
        both[model] = np.array([photon, spikes])
    cells = np.concatenate([both[model] for model in layers]).T
    rows = [Row((area, *map(float, own))) for area, own in zip(areas, cells, strict=True)]
    rows.append(Row(('mean', *map(float, cells.mean(axis=0))), strong=True))
    columns = [number(f'{model}, {kind}') for model in layers for kind in ('2-photon', dataset)]
    notes = []
    for model, own in both.items():
        r, p = permuted_spearman(*own)
        notes.append(
            f'Order of the areas by {model}, 2-photon and {dataset}: Spearman {r:.2f} (p = {p:.3f}, all orders).'
        )
    for kind, name in enumerate(('2-photon', dataset)):
        ranked = sorted(both, key=lambda model: -both[model][kind].mean())
        notes.append(f'Order of the models, {name}: {", ".join(ranked)}.')
    return Table([Column('area'), *columns], rows, 'mean over cortical layers', notes=notes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('models', nargs='+', metavar='MODEL')
    parser.add_argument('--matrices', type=Path, metavar='FOLDER', required=True)
    parser.add_argument('--csv', type=Path, metavar='FILE')
    arguments = parser.parse_args()
    try:
        tables = compare(arguments.models, arguments.matrices)
    except M2MError as error:
        sys.exit(f'error: {error}')
    print_tables(tables)
    if arguments.csv:
        try:
            arguments.csv.write_text(to_csv(tables[0]))
        except OSError as error:
            sys.exit(f'error: cannot write {arguments.csv}: {error.strerror}. Name another file after --csv.')


if __name__ == '__main__':
    main()
