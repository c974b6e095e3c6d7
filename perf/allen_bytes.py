"""Bytes that a fetch of one session moves, of the bytes of its file; and what it takes of time and memory.

    python perf/allen_bytes.py
    python perf/allen_bytes.py --whole-files

The sessions are synthetic and of full size, on a server on loopback that counts what it sends: a 2-photon one of 174
cells and 113,888 frames, a Neuropixels one of 1,700 units, of which a sixth are good ones of the six areas. Everything
starts from nothing, so that the 118 images, which come once for all sessions of both, are among what is moved. The exit
status is 1 when more is moved than a third (2-photon) or a fifth (Neuropixels) of the file.
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

# What the tests fill servers with.
sys.path.insert(0, str(Path(__file__).parents[1] / 'tests' / 'acquisition' / 'allen'))
import allen_bucket as bucket
from allen_warehouse import Warehouse

#: The command line, and at last the largest size that the process had: what the system tells of a child counts its
#: parent's too.
COMMAND = """
import atexit, sys
def tell():
    status = open('/proc/self/status').read()
    print(int(status.partition('VmHWM:')[2].split()[0]) / 1024, file=sys.stderr)
atexit.register(tell)
from m2m_benchmarks.cli.main import run
run()
"""
SHARES = {'deVries2020': 1 / 3, 'Siegle2021': 1 / 5}


def fetch(name, address, home, options):
    """Run `m2m data fetch` in a process of its own.

    Returns
    -------
    dict
        What it printed, and `cpu_s` and `peak_mb`.
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
    parser.add_argument('--whole-files', action='store_true', help='download the files, to compare with')
    options = ['--whole-files'] if parser.parse_args().whole_files else []
    bad = False
    print(f'{"MB":14}{"file":>10}{"moved":>10}{"images":>10}{"share":>8}{"CPU s":>8}{"peak MB":>9}')
    for name, share in SHARES.items():
        with tempfile.TemporaryDirectory() as folder, serving_files(Warehouse()) as site:
            put = bucket.put_full_ophys if name == 'deVries2020' else bucket.put_full_ecephys
            size = len(site.files[put(site, Path(folder))])
            found = fetch(name, site.address, f'{folder}/home', options)
            sent, images = site.sent, found['image_bytes']
        print(
            f'{name:14}{size / 1e6:10,.1f}{sent / 1e6:10,.1f}{images / 1e6:10,.1f}{sent / size:8.3f}'
            f'{found["cpu_s"]:8.1f}{found["peak_mb"]:9,.0f}',
            flush=True,
        )
        bad |= not options and sent > share * size
    return int(bad)


if __name__ == '__main__':
    sys.exit(main())
