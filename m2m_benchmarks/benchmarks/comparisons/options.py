"""Options of the comparison `rdm`, which are parts of its name. This module imports nothing heavy, for listings."""

#: Names of options with a meaning beyond their formula: distances that need trials, and a similarity of RDMs that takes
#: each stimulus once.
CROSSNOBIS, WHITENED = 'crossnobis', 'whitened'
#: Distances and similarities of RDMs; the first of each is the default, which names leave out.
DISTANCES = ('correlation', 'cosine', 'euclidean', CROSSNOBIS)
COMPARATORS = ('spearman', 'pearson', 'kendall', WHITENED)
#: Names with options, for messages.
GRAMMAR = f'rdm[_{"|_".join(DISTANCES[1:])}][_{"|_".join(COMPARATORS[1:])}][_standardised]'
#: The same in words.
OPTIONS_IN_WORDS = (
    f'`-{GRAMMAR}` has other distances (1 - cosine; squared Euclidean, mean over neuroids; crossnobis, the same '
    'cross-validated over trials, compared with squared Euclidean distances of the model), other similarities of RDMs '
    "(Pearson correlation, Kendall's tau-a, whitened cosine), and standardised responses; the ceiling is estimated "
    'likewise'
)


def option_name(distance: str, comparator: str, standardised: bool) -> str:
    """Name of the comparison with options: `rdm`, then those that aren't the default."""
    named = [
        *([distance] if distance != DISTANCES[0] else ()),
        *([comparator] if comparator != COMPARATORS[0] else ()),
        *(['standardised'] if standardised else ()),
    ]
    return '_'.join(['rdm', *named])


#: Names with options, apart from `rdm` and `rdm_standardised`, to module, distance and similarity of each.
NAMES = {
    option_name(distance, comparator, standardised): (
        'rdm_standardised' if standardised else 'rdm',
        distance,
        comparator,
    )
    for standardised in (False, True)
    for distance in DISTANCES
    for comparator in COMPARATORS
    if (distance, comparator) != (DISTANCES[0], COMPARATORS[0])
}
