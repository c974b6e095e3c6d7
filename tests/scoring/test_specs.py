"""Names of candidates: how they are read, and which are refused, without torch."""

import re

import pytest

from m2m_benchmarks.errors import M2MError, ModelError, UnknownNameError
from m2m_benchmarks.scoring.specs import (
    CandidateSpec,
    check_candidate,
    is_folder,
    is_model,
    parse_candidate,
    parse_candidates,
)

PLUGIN = "from brainscore_vision import model_registry\n\nmodel_registry['mine'] = None\n"


@pytest.fixture
def here(tmp_path, monkeypatch, m2m_home):
    """An empty folder to be in."""
    folder = tmp_path / 'here'
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def plugin(folder):
    folder.mkdir()
    (folder / '__init__.py').write_text(PLUGIN)


@pytest.mark.parametrize(
    ('text', 'name', 'weights'),
    [
        ('torchvision:squeezenet1_1', 'torchvision:squeezenet1_1', 'default'),
        ('torchvision:squeezenet1_1@none', 'torchvision:squeezenet1_1', 'none'),
        ('torchvision:squeezenet1_1@w.pth', 'torchvision:squeezenet1_1', 'w.pth'),
        ('torchvision:squeezenet1_1@a@b.pth', 'torchvision:squeezenet1_1', 'a@b.pth'),
        ('torchvision:squeezenet1_1@sub/w.pth', 'torchvision:squeezenet1_1', 'sub/w.pth'),
        ('timm:vit_tiny_patch16_224.augreg_in21k@none', 'timm:vit_tiny_patch16_224.augreg_in21k', 'none'),
        ('neurn_resnet18_k5_after_stem@none', 'neurn_resnet18_k5_after_stem', 'none'),
        ('alexnet@w.pth', 'alexnet', 'w.pth'),
        ('./my_plugin', './my_plugin', 'default'),
        ('./my_plugin@w.pth', './my_plugin', 'w.pth'),
        ('./odd@plugin', './odd@plugin', 'default'),
        ('./odd@plugin@a@b.pth', './odd@plugin', 'a@b.pth'),
    ],
)
def test_a_candidate_is_read_and_written(here, text, name, weights):
    for folder in ('my_plugin', 'odd@plugin'):
        plugin(here / folder)
    (here / 'sub').mkdir()
    for file in ('w.pth', 'a@b.pth', 'sub/w.pth'):
        (here / file).touch()
    spec = parse_candidate(text)
    assert spec == CandidateSpec(name, weights)
    assert str(spec) == text
    check_candidate(spec)


def test_default_weights_are_for_candidates_that_name_none_and_can_choose(here):
    weights = [
        parse_candidate(text, 'none').weights
        for text in ('plain_resnet18', 'plain_resnet18@default', 'alexnet', 'pixels_64', 'run:first')
    ]
    assert weights == ['none', 'default', 'none', 'default', 'default']


def test_a_text_with_two_meanings_is_refused(here):
    plugin(here / 'net')
    plugin(here / 'net@none')
    with pytest.raises(ModelError, match=r"'./net@none' with weights 'default' and as './net' with weights 'none'"):
        parse_candidate('./net@none')
    assert parse_candidate('./net@none@default') == CandidateSpec('./net@none')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('squezenet', "unknown model 'squezenet'"),
        ('torchvision:squezenet1_1@none', "unknown torchvision model 'squezenet1_1'. Did you mean squeezenet1_1 or"),
        ('torchvision:alexnet.tag', "unknown torchvision model 'alexnet.tag'"),
        ('timm:vit_tinny_patch16_224', 'Did you mean vit_tiny_patch16_224 or'),
        ('timm:resnet18@nofile.pth', 'there is no weights file nofile.pth.'),
        (
            'tensorflow:x@none',
            "'tensorflow': tensorflow:x is of no kind that M2M knows. Valid names: torchvision, timm, run.",
        ),
        ('neurn_resnet18_k5x', "got 'x'."),
        ('neurn_resnet19', 'Did you mean neurn_resnet18'),
        ('alexnet@none', 'alexnet brings its own weights'),
        ('pixels_64@none', 'pixels_64 has no choice of weights; leave out none.'),
        ('run:nothing', 'there is no run nothing'),
        ('run:nothing@none', 'there is no run nothing'),
        ('./nothing', 'there is no such folder'),
        ('./nothing@none', 'there is no such folder'),
        ('@none', "'@none' names no model; expected MODEL or MODEL@WEIGHTS"),
        ('alexnet@', "'alexnet@' names no weights"),
        ('alexnet@nothing@nowhere', 'there is no weights file nothing@nowhere.'),
    ],
)
def test_messages_of_wrong_names(here, text, message):
    with pytest.raises(M2MError, match=re.escape(message)):
        check_candidate(parse_candidate(text))


@pytest.mark.parametrize('name', ['pixels_64', 'plain_resnet18', 'neurn_resnet18_k5_after_stem', 'alexnet'])
@pytest.mark.parametrize('empty', [True, False])
def test_a_folder_of_the_working_directory_does_not_answer_for_a_model(here, name, empty):
    (here / name).mkdir() if empty else plugin(here / name)
    assert not is_folder(name)
    assert not is_folder(parse_candidate(f'{name}@default').name)
    check_candidate(CandidateSpec(name))
    assert is_folder(f'./{name}')


def test_a_folder_without_a_slash(here):
    plugin(here / 'mine')
    with pytest.raises(ModelError, match=r"'mine' is no registered model. To name the plugin .* write \./mine\."):
        check_candidate(CandidateSpec('mine'))
    check_candidate(CandidateSpec('./mine'))


def test_an_unknown_name_is_that_error(here):
    with pytest.raises(UnknownNameError):
        check_candidate(CandidateSpec('squezenet'))


def test_weights_that_no_candidate_takes_are_refused(here):
    assert [spec.weights for spec in parse_candidates(['pixels_64', 'plain_resnet18'], 'none')] == ['default', 'none']
    for texts in (['pixels_64'], ['pixels_64', 'plain_resnet18@default']):
        with pytest.raises(ModelError, match=f'--weights none applies to none of {", ".join(texts)}'):
            parse_candidates(texts, 'none')


def test_the_beginning_of_the_name_of_a_run(m2m_home):
    for name, file in (('plain_digitnet-MNIST-seed1-a9a03869', 'run.json'), ('plain_digitnet-MNIST-seed2', 'begun')):
        folder = m2m_home / 'runs' / name
        folder.mkdir(parents=True)
        (folder / file).touch()
    with pytest.raises(ModelError, match=r'its name\. Did you mean plain_digitnet-MNIST-seed1-a9a03869\?$'):
        check_candidate(parse_candidate('run:plain_digitnet-MNIST-seed1'))


@pytest.mark.parametrize(
    ('name', 'weights', 'label'),
    [
        (
            'torchvision:squeezenet1_1',
            '/data/long/way/squeezenet1_1.pth',
            'torchvision:squeezenet1_1@squeezenet1_1.pth',
        ),
        ('torchvision:squeezenet1_1', 'none', 'torchvision:squeezenet1_1@none'),
        ('pixels_64', 'default', 'pixels_64'),
        ('run:/data/runs/plain_digitnet-MNIST-seed0', 'default', 'run:plain_digitnet-MNIST-seed0'),
        ('/home/me/networks/net.py:make', 'default', 'net.py:make'),
        ('../plugins/mine', '../w.pth', 'mine@w.pth'),
    ],
)
def test_a_label_has_no_folders(name, weights, label):
    assert CandidateSpec(name, weights).label == label


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'the name of a model is empty; expected MODEL'),
        ('@none', "'@none' names no model; expected MODEL"),
        (
            'squeezenet1_1',
            "model 'squeezenet1_1'. Models of torchvision and timm have their prefix: torchvision:",
        ),
        ('resnet18', 'prefix: torchvision:resnet18 or timm:resnet18.'),
    ],
)
def test_names_that_lack_something(text, message, m2m_home):
    with pytest.raises(M2MError, match=re.escape(message)):
        check_candidate(parse_candidate(text))
    assert is_model(text) == bool(text)
