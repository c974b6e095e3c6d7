"""Package scikit-learn's digits and what is derived from them for Brain-Score's storage.

python package.py FOLDER
"""

import sys
from pathlib import Path

from m2m_benchmarks.data.digit_names import DERIVED, DERIVED_DIGITS, SPLITS, stimulus_set_name
from m2m_benchmarks.data.packaging import package_stimuli

if __name__ == '__main__':
    for split in (*SPLITS, *DERIVED):
        print(package_stimuli(stimulus_set_name(DERIVED_DIGITS, split), Path(sys.argv[1])))
