"""Visual Coding - 2-photon, published by de Vries, Lecoq, Buice et al. (2020)."""
