"""Run a command where the package lies as it is installed: models/ as m2m_benchmarks.models.

    python .ci/as_installed.py lint-imports
    python .ci/as_installed.py mypy

An editable install finds m2m_benchmarks.models by an import hook, which tools that read files don't see. The command
runs in a temporary folder of links, beside a link to pyproject.toml; its exit status is passed on.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Lay the package out and run the command of the arguments; its exit status."""
    with tempfile.TemporaryDirectory(prefix='m2m-as-installed-') as place:
        package = Path(place) / 'm2m_benchmarks'
        package.mkdir()
        for entry in (ROOT / 'm2m_benchmarks').iterdir():
            (package / entry.name).symlink_to(entry)
        (package / 'models').symlink_to(ROOT / 'models')
        (Path(place) / 'pyproject.toml').symlink_to(ROOT / 'pyproject.toml')
        # Tools are those of the environment of this Python, and mypy's cache outlives the temporary folder.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get('PATH', '')])
        environment = {'MYPY_CACHE_DIR': str(ROOT / '.mypy_cache'), **os.environ, 'PATH': path}
        return subprocess.run(sys.argv[1:], cwd=place, env=environment, check=False).returncode


if __name__ == '__main__':
    sys.exit(main())
