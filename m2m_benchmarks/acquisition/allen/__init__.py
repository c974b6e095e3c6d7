"""The two surveys of mouse visual cortex of the Allen Brain Observatory."""

#: Number of natural scenes, the same in both surveys.
N_SCENES = 118
