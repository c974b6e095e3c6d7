"""Pure functions on numpy arrays: no xarray, no files, no models."""

from m2m_benchmarks.arrays.bootstrap import median_draws, rsa_draws, standard_error
from m2m_benchmarks.arrays.correlation import pearson, spearman, spearman_brown, standardize
from m2m_benchmarks.arrays.folds import N_FOLDS, kfold, shuffle_splits
from m2m_benchmarks.arrays.proportion import accuracy_draws, effective_number, wilson_interval
from m2m_benchmarks.arrays.rdm import compare_rdms, number_distances, rdm, upper_triangle
from m2m_benchmarks.arrays.reduction import gram_reduce
from m2m_benchmarks.arrays.reliability import half_means, half_splits, split_half_reliability
from m2m_benchmarks.arrays.ridge import ALPHAS, cross_predict, held_out_correlations, kernel, ridge

__all__ = [
    'ALPHAS',
    'N_FOLDS',
    'accuracy_draws',
    'compare_rdms',
    'cross_predict',
    'effective_number',
    'gram_reduce',
    'half_means',
    'half_splits',
    'held_out_correlations',
    'kernel',
    'kfold',
    'median_draws',
    'number_distances',
    'pearson',
    'rdm',
    'ridge',
    'rsa_draws',
    'shuffle_splits',
    'spearman',
    'spearman_brown',
    'split_half_reliability',
    'standard_error',
    'standardize',
    'upper_triangle',
    'wilson_interval',
]
