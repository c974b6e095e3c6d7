"""A small copy of the Allen Institute's warehouse: a file server that also answers queries of its API."""

import json
import re
from urllib.parse import unquote_plus

from m2m_benchmarks.testing import FileServer


class Warehouse(FileServer):
    """A file server with records.

    Attributes
    ----------
    models : dict
        Records by the name of the model that is queried, given in pages.
    most_rows : int
        Largest number of rows in one answer to a query.
    """

    def __init__(self):
        super().__init__()
        self.models = {}
        self.most_rows = 10_000

    def reply(self, handler):
        path = unquote_plus(handler.path)
        return (200, json.dumps(self._query(path)).encode(), {}) if 'model::' in path else super().reply(handler)

    def _query(self, path):
        records = self.models.get(re.search(r'model::(\w+)', path)[1])
        if not isinstance(records, list):
            return {'success': False, 'msg': 'Error: no such model'}
        start, number = (re.search(rf"{key}\$eq'?(\w+)", path) for key in ('start_row', 'num_rows'))
        first = int(start[1]) if start else 0
        most = len(records) if number[1] == 'all' else min(int(number[1]), self.most_rows)
        page = records[first : first + most]
        return {
            'success': True,
            'id': 0,
            'start_row': first,
            'num_rows': len(page),
            'total_rows': len(records),
            'msg': page,
        }
