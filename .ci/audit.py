"""Look up published vulnerabilities of the packages in requirements.lock, by pip-audit.

    python .ci/audit.py [options of pip-audit, such as --ignore-vuln ID]

Where its data can't be reached, it says so and doesn't fail.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

LOCK = Path(__file__).with_name('requirements.lock')


def looked_up(requirements: str, *options: str) -> list[dict[str, Any]]:
    """Packages with their vulnerabilities, or the reason why one was skipped.

    Raises
    ------
    ConnectionError
        When pip-audit ends without a result, or knows nothing of any package: its data can't be reached.
    """
    with tempfile.TemporaryDirectory(prefix='m2m-audit-') as folder:
        path = Path(folder) / 'requirements.txt'
        path.write_text(requirements, encoding='utf-8')
        command = [
            sys.executable,
            '-m',
            'pip_audit',
            '--format',
            'json',
            '--disable-pip',
            '--no-deps',
            '--timeout',
            '10',
        ]
        done = subprocess.run(
            [*command, '--progress-spinner', 'off', '--requirement', str(path), *options],
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)['dependencies']
    except ValueError as error:
        raise ConnectionError((done.stderr.strip() or 'pip-audit printed nothing').splitlines()[-1][:200]) from error
    if all('skip_reason' in package for package in packages):
        raise ConnectionError('the registry that is set has no such data')
    return packages


def main(options: list[str]) -> int:
    """Print the vulnerable packages; 1 if there are any."""
    content = LOCK.read_text(encoding='utf-8')
    # One first: where nothing is known of it, the others need not be asked for.
    first = next(line for line in content.splitlines() if line.startswith('pillow==')).partition(' ')[0]
    try:
        looked_up(first, *options)
        packages = looked_up(content, *options)
    except ConnectionError as error:
        print(f'audit of packages: not run: {error}')
        return 0
    vulnerable = [package for package in packages if package.get('vulns')]
    for package in vulnerable:
        for known in package['vulns']:
            fixed = ', '.join(known['fix_versions']) or 'no version'
            print(f'{package["name"]} {package["version"]}: {known["id"]}, fixed in {fixed}')
    print(f'audit of packages: {len(packages)} looked up, {len(vulnerable)} vulnerable')
    return 1 if vulnerable else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
