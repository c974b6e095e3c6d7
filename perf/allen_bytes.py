"""Bytes, CPU time and memory of a fetch of one session, beside the size of its file.

    python perf/allen_bytes.py
    python perf/allen_bytes.py --whole-files

The sessions are synthetic and of full size, on a local server that counts the bytes it sends: a 2-photon session of 174
cells and 113,888 frames, and a Neuropixels session of 1,700 units, a sixth of them good units of the six areas. The
data folder is empty, so that the 118 images, which all sessions share, are downloaded too. The exit status is 1 when
more than a third (2-photon) or a fifth (Neuropixels) of the file is downloaded.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from m2m_benchmarks.testing import serving_files

# The tests' writers of sessions.
sys.path.insert(0, str(Path(__file__).parents[1] / 'tests' / 'acquisition' / 'allen'))
import allen_bucket as bucket
from allen_warehouse import Warehouse

#: Runs the command line and prints the peak size of the process. The system's figure for a child includes its parent's.
COMMAND = """
import atexit, sys
def print_peak():
    status = open('/proc/self/status').read()
    print(int(status.partition('VmHWM:')[2].split()[0]) / 1024, file=sys.stderr)
atexit.register(print_peak)
from m2m_benchmarks.cli.main import run
run()
"""
SHARES = {'deVries2020': 1 / 3, 'Siegle2021': 1 / 5}


def fetch(name, address, home, options):
    """Run `m2m data fetch` in a separate process.

    Returns
    -------
    dict
        Its JSON output, with `cpu_s` and `peak_mb`.
    """
    command = ['-c', COMMAND, 'data', 'fetch', name, '--max-sessions', '1', '--json', '-', *options]
    command += ['--mirror', f'{address}/bucket', '--warehouse', f'{address}/warehouse']
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith('_proxy')}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env={**environment, 'M2M_HOME': home}, check=False
    )
    if ran.returncode:
        sys.exit(ran.stderr)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return {**json.loads(ran.stdout), 'cpu_s': cpu_s, 'peak_mb': float(ran.stderr.split()[-1])}


def main():
    """Print a table; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--whole-files', action='store_true', help='download whole files, for comparison')
    options = ['--whole-files'] if parser.parse_args().whole_files else []
    bad = False
    print(f'{"MB":14}{"file":>10}{"moved":>10}{"images":>10}{"share":>8}{"CPU s":>8}{"peak MB":>9}')
    for name, share in SHARES.items():
        with tempfile.TemporaryDirectory() as folder, serving_files(Warehouse()) as site:
            put = bucket.put_full_ophys if name == 'deVries2020' else bucket.put_full_ecephys
            size = len(site.files[put(site, Path(folder))])
            fetched = fetch(name, site.address, f'{folder}/home', options)
            sent, images = site.sent, fetched['image_bytes']
        print(
            f'{name:14}{size / 1e6:10,.1f}{sent / 1e6:10,.1f}{images / 1e6:10,.1f}{sent / size:8.3f}'
            f'{fetched["cpu_s"]:8.1f}{fetched["peak_mb"]:9,.0f}',
            flush=True,
        )
        bad |= not options and sent > share * size
    return int(bad)


if __name__ == '__main__':
    sys.exit(main())
