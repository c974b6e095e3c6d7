"""The steps of a fetch, the same for all surveys: download, extraction in workers, merge into a dataset."""
