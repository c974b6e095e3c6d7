"""2-photon recordings of six visual areas in response to the Allen Institute's natural scenes."""

from brainscore_vision import data_registry, stimulus_set_registry

from m2m_benchmarks.data.store import load_assembly, load_stimuli

stimulus_set_registry['deVries2020'] = lambda: load_stimuli('deVries2020')

data_registry['deVries2020'] = lambda: load_assembly('deVries2020')

BIBTEX = """@article{devries2020large,
  title={A large-scale standardized physiological survey reveals functional organization of the mouse visual cortex},
  author={de Vries, Saskia E J and Lecoq, Jerome A and Buice, Michael A and Groblewski, Peter A and
    Ocker, Gabriel K and Oliver, Michael and Feng, David and Cain, Nicholas and Ledochowitsch, Peter and
    Millman, Daniel and others},
  journal={Nature Neuroscience},
  volume={23},
  number={1},
  pages={138--151},
  year={2020},
  publisher={Nature Publishing Group},
  url={https://doi.org/10.1038/s41593-019-0550-9}
}"""
