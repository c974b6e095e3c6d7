"""Recordings in NWB files (Neurodata Without Borders 2, HDF5), as labs and the DANDI archive have them.

`files` reads the files with pynwb, `presentations` chooses the table of the presented images, `areas` the area of each
unit, `counts` counts spikes, and `importing` makes a dataset of them.
"""
