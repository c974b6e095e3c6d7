"""Names of candidates, and the controls that are added to them."""

import pytest

from m2m_benchmarks.analysis.entries import with_controls
from m2m_benchmarks.errors import ModelError, UnknownNameError


@pytest.mark.parametrize(
    ('candidates', 'added'),
    [
        (['torchvision:squeezenet1_1'], ['torchvision:squeezenet1_1@none', 'pixels_64']),
        (['plain_digitnet@none', 'pixels_64'], []),
        (['pixels_64'], []),
        (['plain_digitnet', 'plain_digitnet@none'], ['pixels_64']),
        (
            ['plain_squeezenet1_1', 'neurn_squeezenet1_1'],
            ['plain_squeezenet1_1@none', 'neurn_squeezenet1_1@none', 'pixels_64'],
        ),
    ],
)
def test_controls(candidates, added):
    assert with_controls(candidates) == [*candidates, *added]


def test_candidates_that_are_untrained_need_no_twin():
    assert with_controls(['plain_digitnet'], weights='none') == ['plain_digitnet', 'pixels_64']


@pytest.mark.parametrize(
    ('name', 'error'), [('torchvision:squezenet1_1', UnknownNameError), ('run:nowhere', ModelError)]
)
def test_names_are_checked_first(name, error, m2m_home):
    with pytest.raises(error):
        with_controls([name])
