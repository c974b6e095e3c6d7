"""Package deVries2020 for Brain-Score's storage, from this machine's copy.

python package.py FOLDER
"""

import sys
from pathlib import Path

from m2m_benchmarks.data.packaging import package

if __name__ == '__main__':
    for written in package('deVries2020', Path(sys.argv[1])):
        print(written)
