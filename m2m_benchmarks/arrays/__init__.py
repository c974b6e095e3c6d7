"""Pure functions on numpy arrays: no xarray, no files, no models."""

from m2m_benchmarks.arrays.bootstrap import median_draws, rsa_draws, standard_error
from m2m_benchmarks.arrays.ceilings import (
    N_HALVINGS,
    agreement_draws,
    agreement_of_halves,
    bounds_over_animals,
    ceiling_of,
    deal_halves,
    shared_noise,
)
from m2m_benchmarks.arrays.correlation import pearson, repeated_pearson, spearman, spearman_brown, standardize
from m2m_benchmarks.arrays.folds import N_FOLDS, kfold, shuffle_splits
from m2m_benchmarks.arrays.kernels import kernel
from m2m_benchmarks.arrays.proportion import accuracy_draws, effective_number, wilson_interval
from m2m_benchmarks.arrays.rdm import number_distances, rdm, upper_triangle
from m2m_benchmarks.arrays.reduction import gram_reduce
from m2m_benchmarks.arrays.reliability import half_means, half_splits, split_half_reliability
from m2m_benchmarks.arrays.ridge import ALPHAS, cross_predict, held_out_correlations, predict_with_influence, ridge
from m2m_benchmarks.arrays.rsa import compare_rdms, rsa
from m2m_benchmarks.arrays.sampling import FACTORS, N_DRAWS, Sample, at_equal_numbers, different_animals, draw_sample
from m2m_benchmarks.arrays.threads import one_thread
from m2m_benchmarks.arrays.two_factor import degrees_of_freedom, dual_bootstrap, two_factor_variance, variance_of_draws

__all__ = [
    'ALPHAS',
    'FACTORS',
    'N_DRAWS',
    'N_FOLDS',
    'N_HALVINGS',
    'Sample',
    'accuracy_draws',
    'agreement_draws',
    'agreement_of_halves',
    'at_equal_numbers',
    'bounds_over_animals',
    'ceiling_of',
    'compare_rdms',
    'cross_predict',
    'deal_halves',
    'degrees_of_freedom',
    'different_animals',
    'draw_sample',
    'dual_bootstrap',
    'effective_number',
    'gram_reduce',
    'half_means',
    'half_splits',
    'held_out_correlations',
    'kernel',
    'kfold',
    'median_draws',
    'number_distances',
    'one_thread',
    'pearson',
    'predict_with_influence',
    'rdm',
    'repeated_pearson',
    'ridge',
    'rsa',
    'rsa_draws',
    'shared_noise',
    'shuffle_splits',
    'spearman',
    'spearman_brown',
    'split_half_reliability',
    'standard_error',
    'standardize',
    'two_factor_variance',
    'upper_triangle',
    'variance_of_draws',
    'wilson_interval',
]
