"""Citations of the recordings, which their data and their benchmarks carry. This module imports nothing heavy."""

DEVRIES2020 = """@article{devries2020large,
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

SIEGLE2021 = """@article{siegle2021survey,
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
