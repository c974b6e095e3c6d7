"""A short run of perf/soak.py: stopped commands leave nothing behind, and scores are stored under the right hashes."""

import importlib.util
import random
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.process, pytest.mark.network, pytest.mark.usefixtures('durable')]


@pytest.fixture(scope='module')
def soak():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location('soak', Path(__file__).parents[1] / 'perf' / 'soak.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def shop(soak, tmp_path_factory):
    with soak.workshop(tmp_path_factory.mktemp('soak')) as shop:
        yield shop


@pytest.mark.parametrize('name', ['replace', 'score', 'train', 'export'])
def test_stopped_commands(soak, shop, name):
    outcome = soak.soak(shop, name, 4, random.Random(0), lambda step: None)
    assert outcome.problems == []
    assert outcome.counts.total() == 4


def test_replaced_while_they_are_scored(soak, shop):
    outcome = soak.race(shop, 8, n_processes=4)
    assert outcome.problems == []
    assert outcome.counts['scored'] + outcome.counts['refused'] == 8


def test_a_leftover_is_noticed(soak, shop, monkeypatch):
    """The comparison can fail: a temporary file that an interrupted run leaves."""
    run, calls = soak._run, []

    def littering(shop, name, place, *arguments):
        ended = run(shop, name, place, *arguments)
        calls.append(arguments)
        if len(calls) > 1:
            (place / 'tmp' / 'left').touch()
        return ended

    monkeypatch.setattr(soak, '_run', littering)
    outcome = soak.soak(shop, 'replace', 1, random.Random(0), lambda step: None)
    assert outcome.problems == ["0, after SIGKILL: other files: ['tmp/left']"]
