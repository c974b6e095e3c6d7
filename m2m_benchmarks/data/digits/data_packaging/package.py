"""Package the digit domains for Brain-Score's storage, from this machine's copy.

python package.py FOLDER
"""

import sys
from pathlib import Path

from m2m_benchmarks.data.digit_names import DOMAINS, SPLITS, stimulus_set_name
from m2m_benchmarks.data.packaging import package_stimuli

if __name__ == '__main__':
    for domain in DOMAINS:
        for split in SPLITS:
            print(package_stimuli(stimulus_set_name(domain, split), Path(sys.argv[1])))
