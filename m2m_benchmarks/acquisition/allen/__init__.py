"""The Allen Brain Observatory: what its two surveys of mouse visual cortex share."""

#: Natural scenes that both surveys showed.
N_SCENES = 118
