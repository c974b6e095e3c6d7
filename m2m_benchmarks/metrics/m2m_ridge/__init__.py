"""Single-neuron ridge regression with a penalty per neuron and a bootstrap error over neuroids."""

from brainscore_vision import metric_registry

from .metric import M2MRidge

metric_registry['m2m_ridge'] = M2MRidge

BIBTEX = """@article{hoerl1970ridge,
  title={Ridge regression: Biased estimation for nonorthogonal problems},
  author={Hoerl, Arthur E and Kennard, Robert W},
  journal={Technometrics},
  volume={12},
  number={1},
  pages={55--67},
  year={1970},
  publisher={Taylor \\& Francis},
  url={https://doi.org/10.1080/00401706.1970.10488634}
}"""
