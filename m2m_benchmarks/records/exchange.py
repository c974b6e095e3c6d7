"""Writes results to a file and reads them again, to move them between machines."""

import csv
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.limits import read_json
from m2m_benchmarks.messages import csv_text
from m2m_benchmarks.records.record import FORMAT, Result
from m2m_benchmarks.records.selection import labels
from m2m_benchmarks.storage import user_file

_KIND = 'm2m results'
#: What to do where the file can't be written.
OTHER_FILE = 'Name another file.'
#: Columns of the CSV, a selection for spreadsheets. The JSON has every field.
COLUMNS = (
    *('uid', 'candidate', 'model', 'weights', 'seed', 'benchmark', 'benchmark_version', 'score', 'error', 'raw'),
    *('ceiling', 'ceiling_kind', 'layer', 'n_neuroids', 'n_stimuli', 'n_animals', 'formula', 'simulated', 'created'),
    *('weights_sha256', 'code_sha256', 'data_sha256', 'stimuli_sha256', 'version'),
)


def write(results: Sequence[Result], path: Path) -> None:
    """Write results to a file: CSV if its name ends in .csv, else JSON, which `read` reads.

    Raises
    ------
    StorageError
        When the file can't be written.
    """
    with user_file(path, OTHER_FILE) as file:
        if path.suffix.lower() == '.csv':
            write_csv(results, file)
        else:
            documents = [result.document() for result in results]
            content = {'kind': _KIND, 'format': FORMAT, 'sha256': _sha256(documents), 'results': documents}
            json.dump(content, file, indent=1, allow_nan=False)
            file.write('\n')


def write_csv(results: Sequence[Result], file: object) -> None:
    """Write results to an open text file as CSV, one line each."""
    writer = csv.writer(file)  # type: ignore[arg-type]
    writer.writerow(COLUMNS)
    for name, result in zip(labels(results), results, strict=True):
        fields: dict[str, Any] = {column: getattr(result, column, None) for column in COLUMNS}
        fields['uid'], fields['candidate'] = result.uid, name
        fields['benchmark_version'] = result.version or 1  # results of earlier formats have none
        fields['version'] = None if result.library is None else result.library.version
        if isinstance(result.layer, dict):
            fields['layer'] = json.dumps(result.layer)
        cells = ('' if fields[column] is None else fields[column] for column in COLUMNS)
        writer.writerow([csv_text(cell) if isinstance(cell, str) else cell for cell in cells])


def read(path: Path) -> list[Result]:
    """Read the results of a file that `write` wrote, or the JSON of `m2m score --json`.

    Raises
    ------
    StorageError
        When the file can't be read.
    DataError
        When the file does not hold results, is too large or no regular file, or was changed after `write` wrote it.
    """
    expected = 'expected a file of `m2m results export FILE.json` or `m2m score --json FILE`'
    content = read_json(path, expected)
    if isinstance(content, dict) and content.get('kind') == _KIND:
        seal, content = content.get('sha256'), content.get('results')
        if seal not in (None, _sha256(content)):  # version 0.1 wrote none
            raise DataError(f'{path} was changed or damaged after it was written. Export the results again.')
    documents = content if isinstance(content, list) else [content]
    try:
        results = [Result.from_document(document) for document in documents]
        _check_finite(documents)
    except DataError as error:
        raise DataError(f'{path}: {error} {expected.capitalize()}.') from error
    return results


def _sha256(documents: object) -> str:
    return hashlib.sha256(json.dumps(documents, sort_keys=True).encode()).hexdigest()


def _check_finite(documents: list[object]) -> None:
    """Check that all numbers are finite: Python reads NaN from JSON, and the store refuses it."""
    try:
        json.dumps(documents, allow_nan=False)
    except ValueError as error:
        raise DataError('a result has a number that is NaN or infinite.') from error
