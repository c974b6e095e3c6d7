"""Scripts of perf/ and examples/, whose output is in README.md and docs/: they run here, at small sizes."""

import re
import runpy
import shlex
from pathlib import Path

import pytest
import torch
from torchvision import models

ROOT = Path(__file__).resolve().parents[1]
#: Arguments of small runs, in a folder with the weights of SqueezeNet, and how a line of the output begins.
SMALL = {
    'perf/cross_fitting.py': ('plain_digitnet@none', 'joined / one half, mean over the rows'),
    'perf/damage.py': ('--flips 1 --cuts 1', 'download: note'),
    'perf/data_report.py': ('--datasets 1', '| no tuning |'),
    'perf/hierarchy_coverage.py': ('--experiments 1', '| in no order | 0.09 |'),
    'perf/many_results.py': ('--models 3 --benchmarks 2', '6 results: '),
    'perf/many_stimuli.py': ('--stimuli 330 --neuroids 20', 'Many2026.VISp-rdm: raw is of 50,000 pairs'),
    'perf/mean_intervals.py': ('--experiments 3', '| 16 | 1 |'),
    'perf/perfect_scores.py': ('--recordings 2 --neuroids 20 --comparisons rdm,ridge --weights .', '| `ridge` |'),
    'perf/representation.py': ('--recordings 2 --null 5', '| 0.9 |'),
    'perf/sampled_populations.py': ('--recordings 2 --neuroids 20 --weights .', '| mixtures | 20 |'),
    'perf/training.py': ('--steps 2 --rounds 1', 'medians: bare'),
    'perf/untrained_seeds.py': (
        '--weights squeezenet1_1.pth --benchmark SimulatedMouse.VISp-rdm --seeds 1',
        'seed 0 ',
    ),
}
#: Why a script isn't run here. Where a test does the same, it is named.
NOT_RUN = {
    'examples/demo.py': 'tests/test_demo.py',
    'examples/domain_generalization.py': 'digits of the paper, and minutes: tests/analysis/test_compare.py',
    'examples/neurn_digits.py': 'digits of the paper: tests/models/test_neurn.py',
    'examples/twophoton.py': 'tests/test_twophoton.py',
    'perf/allen_bytes.py': 'sessions of full size: tests/acquisition/allen/test_fetch_network.py',
    'perf/backends.py': 'times alone: tests/arrays/test_backend.py compares the numbers',
    'perf/coverage.py': 'tests/benchmarks/test_coverage.py',
    'perf/dual_bootstrap.py': 'rsatoolbox, in an environment of its own: tests/arrays/test_two_factor.py',
    'perf/huang2023.py': 'real recordings and published numbers: tests/benchmarks/test_protocols.py',
    'perf/leaderboard_page.py': 'tests/report/pages/test_leaderboard_in_chromium.py',
    'perf/memory.py': 'peaks of processes: tests/scoring/test_estimate.py',
    'perf/neurn.py': 'times of many images: tests/models/test_neurn.py',
    'perf/ophys_extraction.py': 'the AllenSDK, in an environment of its own: tests/acquisition/allen/test_ophys.py',
    'perf/page_libraries.py': 'libraries that are not used, and a browser',
    'perf/perfect_model.py': 'hours at any size: tests/arrays/test_ceilings.py',
    'perf/profiles.py': 'tests/analysis/test_profiles.py',
    'perf/rsatoolbox_rdms.py': 'rsatoolbox, in an environment of its own: tests/arrays/test_comparators.py',
    'perf/same_numbers.py': 'two versions of the library and real recordings',
    'perf/scaling.py': 'times alone',
    'perf/shape_distances.py': 'netrep, in an environment of its own: tests/arrays/test_procrustes.py',
    'perf/side_by_side.py': 'himalaya and rsatoolbox, in an environment of their own',
    'perf/soak.py': 'tests/test_soak.py',
    'perf/startup.py': 'tests/cli/test_startup.py',
    'perf/sweep_kills.py': 'tests/test_sweep_kills.py',
    'perf/twelve_benchmarks.py': 'times alone, for which it wraps functions of the library',
}


def test_every_script_is_run_or_has_a_reason():
    scripts = {
        path.relative_to(ROOT).as_posix() for folder in ('perf', 'examples') for path in ROOT.glob(f'{folder}/*.py')
    }
    assert scripts == SMALL.keys() | NOT_RUN.keys()
    assert not SMALL.keys() & NOT_RUN.keys()
    files = [file for why in NOT_RUN.values() for file in re.findall(r'tests/[\w/]+\.py', why)]
    assert [file for file in files if not (ROOT / file).exists()] == []


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize('script', SMALL)
def test_scripts_run(script, simulated_home, tmp_path, monkeypatch, capfd, few_draws):
    monkeypatch.chdir(tmp_path)
    torch.save(models.squeezenet1_1(weights=None).state_dict(), 'squeezenet1_1.pth')
    monkeypatch.syspath_prepend(str(ROOT / 'perf'))
    arguments, line = SMALL[script]
    monkeypatch.setattr('sys.argv', [script, *shlex.split(arguments)])
    try:
        runpy.run_path(str(ROOT / script), run_name='__main__')
    except SystemExit as end:
        assert not end.code
    printed = capfd.readouterr().out.splitlines()
    assert any(each.startswith(line) for each in printed), printed
