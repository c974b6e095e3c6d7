"""Population representational similarity with a bootstrap error over stimuli."""

from brainscore_vision import metric_registry

from .metric import M2MRDM

metric_registry['m2m_rdm'] = M2MRDM

BIBTEX = """@article{kriegeskorte2008representational,
  title={Representational similarity analysis-connecting the branches of systems neuroscience},
  author={Kriegeskorte, Nikolaus and Mur, Marieke and Bandettini, Peter A},
  journal={Frontiers in systems neuroscience},
  volume={2},
  pages={4},
  year={2008},
  publisher={Frontiers},
  url={https://doi.org/10.3389/neuro.06.004.2008}
}"""
