"""Bundles with other areas and numbers of images than the Allen Institute's."""

import csv
import json

import pytest

from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.data import manifest
from m2m_benchmarks.plugins import load_benchmark


def sessions(*areas):
    return tuple((f'{area}_{i}.npz', area, str(100 + i), str(900 + i), 10) for i, area in enumerate(areas))


@pytest.mark.parametrize('n_images', [60, 5000])
@pytest.mark.several
def test_areas_and_images_of_a_lab(m2m, m2m_home, make_bundle, tmp_path, n_images):
    bundle = make_bundle(tmp_path / 'bundle', n_images, 3, sessions('POR', 'LI_a', 'VISp'))
    summary = json.loads(m2m('data', 'import', 'Lab2026', *bundle.options, '--json', '-').out)
    assert (summary['stimuli'], list(summary['areas'])) == (n_images, ['POR', 'LI_a', 'VISp'])
    listed = [line.split() for line in m2m('data', 'list', 'Lab2026').out.splitlines()]
    assert ['POR', '3'] in [line[:2] for line in listed]
    assert f'Lab2026: {n_images + 1} of {n_images + 1} files intact' in m2m('data', 'verify').out
    benchmark = load_benchmark('Lab2026.LI_a-ridge')
    assert (benchmark.region, len(benchmark.stimulus_set)) == ('LI_a', n_images)


def test_other_names_of_an_area_are_the_area(m2m, m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle', sessions=sessions('V1', 'VISp', 'lm', 'POR'))
    ran = m2m('data', 'import', 'Lab2026', *bundle.options, '--json', '-')
    assert ran.err == 'note: areas are named as the Allen Institute names them: V1 as VISp, lm as VISl.\n'
    areas = json.loads(ran.out)['areas']
    assert {area: counts['sessions'] for area, counts in areas.items()} == {'VISp': 2, 'VISl': 1, 'POR': 1}
    # The names in the lab's table are kept.
    assert [row['area'] for row in manifest.require('Lab2026')['source']['session_table']] == [
        'V1',
        'VISp',
        'lm',
        'POR',
    ]


def test_tables_that_name_an_area_differently(m2m_home, make_bundle, tmp_path):
    """V1 in one table and VISp in the other are the same area."""
    bundle = make_bundle(tmp_path / 'bundle', sessions=sessions('V1', 'POR'))
    bundle.units.write_text(bundle.units.read_text().replace(',V1,', ',visp,'))
    renamed = []
    entry = import_bundle('Lab2026', *bundle.paths, renamed=renamed.append)
    assert list(entry['summary']['areas']) == ['VISp', 'POR']
    assert renamed == [{'V1': 'VISp'}]


def test_the_six_areas_give_no_message(m2m, m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle')
    assert m2m('data', 'import', 'Lab2026', *bundle.options).err == ''
    with bundle.sessions.open(newline='') as file:
        assert {row['area'] for row in csv.DictReader(file)} == {'VISp', 'VISal'}
