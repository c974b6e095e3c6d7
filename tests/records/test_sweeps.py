"""Records of sweeps."""

import pytest

from m2m_benchmarks.errors import DataError, StorageError, UnknownNameError
from m2m_benchmarks.records import sweeps
from m2m_benchmarks.records.sweeps import Recorded


@pytest.fixture
def record(m2m_home):
    """A record with one cell of each kind."""
    record = sweeps.read('mine')
    record.start({'models': ['a']})
    record.fail('cell 1', 'no memory')
    record.fail('cell 2', 'no memory')
    record.record('cell 2', 'abc', {'file': 'sha'})
    record.remember_memory('a', 10)
    return record


def test_a_record_is_read_as_it_was_written(record):
    assert sweeps.read('mine') == record
    assert record.recorded == {'cell 2': Recorded('abc', {'file': 'sha'})}
    assert (record.failed, record.memory, 'ended' in record.times) == ({'cell 1': 'no memory'}, {'a': 10}, False)
    record.end()
    assert 'ended' in sweeps.read('mine').times
    assert sweeps.names() == ['mine']


def test_an_unfinished_line_is_left_out_and_the_next_one_is_whole(record):
    whole = sweeps.path_of('mine').read_bytes()
    for length in range(1, 40):
        sweeps.path_of('mine').write_bytes(whole + whole[:length])
        assert sweeps.read('mine') == record
        again = sweeps.read('mine')
        again.record('cell 3', 'def', None)
        assert sweeps.read('mine').recorded['cell 3'].uid == 'def'
    assert len(list(sweeps.damaged())) == 1


@pytest.mark.parametrize(
    'line', [b'[]', b'3', b'{}', b'{"event": "recorded"}', b'{"event": "failed", "cell": [], "reason": 1}', b'\xff\xfe']
)
def test_lines_that_are_no_events(record, line):
    with sweeps.path_of('mine').open('ab') as file:
        file.write(line + b'\n')
    assert sweeps.read('mine') == record


def test_names(m2m_home, record):
    with pytest.raises(UnknownNameError, match='Did you mean mine'):
        sweeps.read('mina', must_exist=True)
    for name in ('', '../a', 'a/b', '.a', 'a b'):
        with pytest.raises(DataError, match='cannot be the name of a sweep'):
            sweeps.read(name)


def test_a_record_that_cannot_be_written(record):
    sweeps.path_of('mine').unlink()
    sweeps.path_of('mine').mkdir()
    with pytest.raises(StorageError, match='the record of the sweep'):
        record.end()
