"""Tables as spreadsheets and programs write them."""

import numpy as np
import pandas as pd
import pytest

from m2m_benchmarks.acquisition.csv_tables import read_table
from m2m_benchmarks.errors import DataError


@pytest.fixture
def read(tmp_path):
    def read_text(content, needed=('id',), text=('id',), encoding='utf-8'):
        path = tmp_path / 'table.csv'
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return read_table(path, needed, text)

    return read_text


@pytest.mark.parametrize(
    ('cells', 'expected'),
    [
        (['4', '5'], [4, 5]),
        (['4.0', '5.00'], [4, 5]),
        (['+4', '-5'], [4, -5]),
        (['4', ''], ['4', '']),
        (['4.0', 'NaN'], ['4', '']),
        (['007', '008'], ['007', '008']),
        (['1234567890123456789', '1'], [1234567890123456789, 1]),
        (['12345678901234567890', '1'], ['12345678901234567890', '1']),
        (['0.5', '4'], [0.5, 4.0]),
        (['.5', '1E-3'], [0.5, 0.001]),
        (['0.5', ''], [0.5, np.nan]),
        (['0.5', 'NA'], [0.5, np.nan]),
        (['0.5', 'inf'], [0.5, np.inf]),
        (['True', 'FALSE'], [True, False]),
        (['True', ''], ['True', '']),
        (['NA', 'Cux2'], ['NA', 'Cux2']),
        (['None', 'null'], ['None', 'null']),
        (['', ''], ['', '']),
        (['1_000', '2'], ['1_000', '2']),
        (['L4', '  L5 '], ['L4', 'L5']),
        (['a b', '\u00a0x\u200b'], ['a b', 'x']),
    ],
)
def test_values_of_a_column(read, cells, expected):
    table = read('id,value\n' + ''.join(f'u{i},{cell}\n' for i, cell in enumerate(cells)))
    values = table['value'].to_numpy()
    assert values.dtype.kind == np.array(expected).dtype.kind.replace('U', 'O')
    np.testing.assert_array_equal(values, np.array(expected, dtype=values.dtype))


TABLE = 'id,rate,layer,cre_line\na1,0.5,4,None\nb2,12.25,5,Cux2\n'


@pytest.mark.parametrize(
    'content',
    [
        TABLE,
        '\ufeff' + TABLE,
        TABLE.replace('\n', '\r\n'),
        TABLE.replace('\n', '\r'),
        TABLE.replace(',', ';').replace('.', ','),
        TABLE.replace(',', '\t'),
        'sep=;\r\n' + TABLE.replace(',', ';'),
        TABLE.replace('\n', ',,\n'),
        TABLE.replace(',', ' , '),
        'id, "rate", "layer", "cre_line"\n"a1", 0.5, "4", "None"\nb2, "12.25", 5, "Cux2"',
        TABLE + ',,,\n\n',
        ',id,rate,layer,cre_line\n7,a1,0.5,4,None\n12,b2,12.25,5,Cux2\n',
        TABLE.encode('utf-16'),
        '"id","rate","layer","cre_line"\n"a1","0.5","4","None"\n"b2","12.25","5","Cux2"',
        TABLE.replace('id,', 'ID,'),
        TABLE.replace('a1', '="a1"').replace('Cux2', '"=""Cux2"""'),
    ],
)
def test_the_same_table_written_otherwise(read, content):
    expected = pd.DataFrame({'id': ['a1', 'b2'], 'rate': [0.5, 12.25], 'layer': [4, 5], 'cre_line': ['None', 'Cux2']})
    pd.testing.assert_frame_equal(read(content), expected)


def test_rows_are_counted_as_in_the_file(read):
    assert list(read('id,x\na,1\n,\nb,2\n').index) == [0, 2]


@pytest.mark.parametrize(
    ('ids', 'expected'),
    [
        (['1000.0', '1001.0'], ['1000', '1001']),
        (['1.0', '1.1'], ['1.0', '1.1']),  # shank and unit
        (['0012', '0013'], ['0012', '0013']),
        (['1037812345678901234', '5'], ['1037812345678901234', '5']),
        (['NA', 'None'], ['NA', 'None']),
        (['12e5', '5E12'], ['12e5', '5E12']),  # hashes, and wells of a plate
    ],
)
def test_identifiers(read, ids, expected):
    assert list(read('id\n' + '\n'.join(ids))['id']) == expected


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('id\n1.03781E+18\n', 'lost digits'),
        ('id\n5.1094e+08\n', 'lost digits'),  # MATLAB
        ('id\n100001\n1e+05\n', 'id is 1e.05, which may have lost digits'),  # R
        ('id,x,x\n1,2,3\n', 'two columns called x'),
        ('id,x,\n1,2,here\n', 'column 3 has no name'),
        ('id,x\n1,2,3\n', 'row 2: it has more cells'),
        ('x;y\n1;2\n', 'no column id'),
        ('# of 2026\nid,x\n1,2\n', 'no column id in its first row'),
        ('id\n1\n'.encode('utf-16-le'), 'in UTF-8'),
        ('id,x\n1,2\n ,3\n', 'row 3: id is empty'),
        ('id,x\n', 'no rows'),
        ('', 'cannot be read as CSV'),
        (b'id\nr\xe9gion\n', 'in UTF-8'),
        ('id,x\n"1,2\n', 'cannot be read as CSV'),
    ],
)
def test_tables_that_are_refused(read, content, message):
    with pytest.raises(DataError, match=rf'table\.csv.*{message}'):
        read(content)


def test_an_exact_name_of_a_column_comes_first(read):
    assert read('ID,id\n1,2\n').to_dict('list') == {'ID': [1], 'id': ['2']}
