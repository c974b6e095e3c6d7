"""Kinds of ceilings. This module imports nothing, for listings and for exported plugins."""

#: End of the kind of a ceiling that is the mean of those of two halves of the neuroids, as raw is.
OF_HALF = ', of half of the neuroids'
#: Kind of a ceiling of a similarity that isn't 0 for unrelated responses.
ABOVE_CHANCE = 'population above chance'
#: Kind of a ceiling (`Ceiling.kind`) to the scale of the scores that are divided by it.
CEILINGS = {
    'population': '0 is chance, 1 a perfect model of these populations, as recorded',
    'trials': '0 is chance; a perfect model stays below the ceiling, the noise of the trials',
    'half of the trials': '0 is chance; the ceiling is the agreement of two halves of the trials',
    ABOVE_CHANCE: '1 is a perfect model of these populations, as recorded; unrelated responses get more than 0',
}
