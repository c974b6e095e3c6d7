"""docs/sweep.md: the script for SLURM, and the job that dask-jobqueue makes of it."""

import re
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / 'docs' / 'sweep.md'


@pytest.mark.seconds
@pytest.mark.network
def test_the_job_script_is_that_of_dask_jobqueue():
    pytest.importorskip('dask_jobqueue')
    section = PAGE.read_text(encoding='utf-8').partition('### SLURM')[2].partition('### Kubernetes')[0]
    code, job = re.search(r'```python\n(.*?)```.*?```\n(.*?)```', section, re.DOTALL).groups()
    code = code.partition('cluster.scale')[0]  # the rest submits jobs
    names = {}
    exec(code, names)
    cluster = names['cluster']
    try:
        script = cluster.job_script().replace(sys.executable, 'PYTHON').replace(cluster.scheduler_address, 'ADDRESS')
    finally:
        cluster.close()
    assert script.split() == job.split()
