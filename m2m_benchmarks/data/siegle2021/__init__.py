"""Neuropixels recordings of six visual areas in response to the Allen Institute's natural scenes."""

from brainscore_vision import data_registry, stimulus_set_registry

from m2m_benchmarks.data.store import load_assembly, load_stimuli

stimulus_set_registry['Siegle2021'] = lambda: load_stimuli('Siegle2021')

data_registry['Siegle2021'] = lambda: load_assembly('Siegle2021')

BIBTEX = """@article{siegle2021survey,
  title={Survey of spiking in the mouse visual system reveals functional hierarchy},
  author={Siegle, Joshua H and Jia, Xiaoxuan and Durand, S{\\'e}verine and Gale, Sam and Bennett, Corbett and
    Graddis, Nile and Heller, Greggory and Ramirez, Tamina K and Choi, Hannah and Luviano, Jennifer A and others},
  journal={Nature},
  volume={592},
  number={7852},
  pages={86--92},
  year={2021},
  publisher={Nature Publishing Group},
  url={https://doi.org/10.1038/s41586-020-03171-x}
}"""
