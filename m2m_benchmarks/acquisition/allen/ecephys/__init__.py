"""Visual Coding - Neuropixels, published by Siegle, Jia, Durand et al. (2021)."""
