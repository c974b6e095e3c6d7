"""A result as JSON and back, and the keys that compare results."""

import contextlib
import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.records import store
from m2m_benchmarks.records.record import FORMAT, Domain, Input, Library, Machine, Result
from m2m_benchmarks.report.scores import facts, list_table, matrix_table, score_tables
from m2m_benchmarks.testing import whole_result

WHOLE = whole_result()


def confused(table):
    """JSON of a domain with a confusion matrix."""
    return {'accuracy': 0.5, 'interval': [0.4, 0.6], 'n_images': 10, 'n_clusters': 10, 'confusion': table}


def test_confusion_matrices_in_json():
    """Earlier results have none, and keep their uid."""
    assert 'confusion' not in WHOLE.document()['in_domain'] and 'confusion' not in WHOLE.document()['targets']['SVHN']
    own = dataclasses.replace(WHOLE, in_domain=Domain(**confused([[4, 1], [1, 4]])))
    document = json.loads(json.dumps(own.document()))
    assert document['in_domain']['confusion'] == [[4, 1], [1, 4]]
    assert Result.from_document(document) == own


def test_json_and_back():
    text = json.dumps(WHOLE.document(), allow_nan=False)
    assert Result.from_document(json.loads(text)) == WHOLE
    assert json.loads(text)['areas']['VISp']['layer'] == 'conv'


@given(
    st.builds(
        Result,
        model=st.text(),
        benchmark=st.text(),
        score=st.floats(allow_nan=False, allow_infinity=False),
        created=st.text(),
        format=st.sampled_from([1, FORMAT]),
        raw=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        layer=st.none() | st.text() | st.dictionaries(st.text(), st.text()),
        per_animal=st.none() | st.dictionaries(st.text(), st.floats(allow_nan=False)),
    )
)
@pytest.mark.seconds
def test_any_result_comes_back_from_json(result):
    again = Result.from_document(json.loads(json.dumps(result.document())))
    assert again == result
    assert again.uid == result.uid


def test_fields_of_others_are_kept():
    document = {**WHOLE.document(), 'note': 'measured on a Tuesday'}
    result = Result.from_document(document)
    assert result.others == {'note': 'measured on a Tuesday'}
    assert result.document() == document
    assert result.uid != WHOLE.uid


def test_the_uid_of_a_listing_is_no_field():
    assert Result.from_document({'uid': 'x', **WHOLE.document()}) == WHOLE


def deep(n):
    """Return lists inside one another."""
    return [deep(n - 1)] if n else []


@pytest.mark.parametrize(
    ('document', 'message'),
    [
        ([], 'is a JSON object; this is of type list'),
        ({'format': FORMAT + 1}, f'has format {FORMAT + 1}; this version reads formats up to {FORMAT}'),
        ({'format': 'new'}, 'has format new'),
        ({'model': 'm'}, 'missing 3 required'),
        ({'model': 1, 'benchmark': 'b', 'score': 1.0, 'created': ''}, 'model is 1, expected str'),
        ({'model': 'm', 'benchmark': 'b', 'score': 'high', 'created': ''}, "score is 'high', expected float"),
        ({'model': 'm', 'benchmark': 'b', 'score': True, 'created': ''}, 'score is True, expected float'),
        ({**WHOLE.document(), 'areas': {'VISp': {'score': 1.0}}}, 'missing'),
        ({**WHOLE.document(), 'input': 'large'}, 'cannot be read'),
        ({**WHOLE.document(), 'weights': 5}, r'weights is 5, expected str \| None'),
        ({**WHOLE.document(), 'targets': {}, 'in_domain': None}, 'no accuracy on its source'),
        ({**WHOLE.document(), 'targets': {'SVHN': confused([[1, 6], [3]])}}, 'confusion is not a square of counts'),
        ({**WHOLE.document(), 'targets': {'SVHN': confused([[5, 3], [3, -1]])}}, 'confusion is not a square of counts'),
        ({**WHOLE.document(), 'targets': {'SVHN': confused([[5, 3], [3, 10**30]])}}, 'that add up to n_images'),
        ({**WHOLE.document(), 'in_domain': confused([])}, 'confusion is not a square of counts'),
        ({**WHOLE.document(), 'targets': {'SVHN': confused([[1, 2], [3, 0.5]])}}, 'targets is .* expected'),
        ({**WHOLE.document(), 'score': None}, 'it has targets, but no score'),
        ({**WHOLE.document(), 'raw_interval': [1.0]}, r'raw_interval is \[1.0\], expected two numbers'),
        ({**WHOLE.document(), 'odd': deep(51)}, 'more than 50 of its objects are inside one another'),
        ({**WHOLE.document(), 'format': 0}, 'has format 0'),
        ({**WHOLE.document(), 'format': True}, 'has format True'),
    ],
)
def test_documents_that_are_not_results(document, message):
    with pytest.raises(DataError, match=message):
        Result.from_document(document)


CHANGES = {
    'model': 'other',
    'benchmark': 'Lab2026.VISp-rdm',
    'weights_sha256': 'z',
    'code_sha256': 'z',
    'benchmark_sha256': 'z',
    'response_sha256': 'z',
    'input': Input([3, 65, 65], 'd'),
    'data_sha256': 'z',
    'stimuli_sha256': 'z',
    'data_settings': {'window': 2},
    'choices': {'metric': 'cka'},
    'layer_named': 'conv',
    'library': Library('0.1.0', 'z'),
}


@pytest.mark.parametrize('field', CHANGES)
def test_the_claim_depends_on(field):
    other = dataclasses.replace(WHOLE, **{field: CHANGES[field]})
    assert other.claim != WHOLE.claim
    assert other.identity != WHOLE.identity


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('machine', Machine('AVX512', 2, 'cpu', 'linux x86_64')),
        ('machine', Machine('AVX2', 4, 'cpu', 'linux x86_64')),
        ('versions', {'torch': '2.10'}),
        ('weights', 'file copy.pth (SHA-256 a)'),
        ('seed', 7),
        ('simulated', True),
    ],
)
def test_the_identity_also_depends_on(field, value):
    other = dataclasses.replace(WHOLE, **{field: value})
    assert other.claim == WHOLE.claim
    assert other.identity != WHOLE.identity


def test_neither_depends_on_the_number():
    other = dataclasses.replace(WHOLE, score=0.1, raw=0.2, created='later', seconds=3.0, peak_memory_mb=1.0)
    assert (other.claim, other.identity) == (WHOLE.claim, WHOLE.identity)
    assert other.uid != WHOLE.uid


@pytest.mark.parametrize(
    'field',
    [
        *('weights_sha256', 'code_sha256', 'benchmark_sha256', 'response_sha256', 'input', 'data_sha256'),
        *('stimuli_sha256', 'library'),
    ],
)
def test_without_a_required_field_a_result_has_no_claim(field):
    other = dataclasses.replace(WHOLE, **{field: None})
    assert other.claim is None
    assert other.identity is None


@pytest.mark.parametrize('value', [[1], {'a': {}}, 'x', '\ud800', True, 10**400])
def test_a_result_that_is_read_can_be_stored_and_shown(m2m_home, value):
    readable = []
    for name in WHOLE.document():
        with contextlib.suppress(DataError):
            readable.append(Result.from_document({**WHOLE.document(), name: value}))
    store.add(readable)
    assert store.verify() == []
    stored = store.results()
    matrix_table(stored, 80)
    list_table(stored, set())
    score_tables(stored)
    for result in stored:
        facts(result)
