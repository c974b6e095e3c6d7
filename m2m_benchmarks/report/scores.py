"""Tables of results: one candidate in detail, or candidates x benchmarks."""

import math
import statistics
from collections.abc import Mapping, Sequence

from m2m_benchmarks.benchmarks.ceilings import CEILINGS, OF_HALF
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, KNOWN
from m2m_benchmarks.benchmarks.datasets import RECORDINGS
from m2m_benchmarks.benchmarks.identifiers import PROTOCOLS, NeuralIdentifier, dotted_name, parse, unrestricted
from m2m_benchmarks.benchmarks.names import notes_on_data
from m2m_benchmarks.records import comparability
from m2m_benchmarks.records.record import Part, Result
from m2m_benchmarks.records.selection import find_contradictions, label, labels, matrix
from m2m_benchmarks.report.tables import Cell, Column, Row, Table, count, estimate, fits, heading, interval, number

#: What the order of rows, and the columns of values beside raw, mean.
_ABOUT_OWN_UNITS = (
    'own units: 95 % interval of raw for as many simulated units of the same layer, as reliable as the neuroids.',
    'own units are not a bound: neuroids may be easier to predict.',
)
_ORDER = (
    'Order of candidates: by the share of the other candidates with a lower score, averaged over the benchmarks that a '
    'candidate has a score on.'
)
_OTHER_MICE = 'Mean over animals of raw on one animal: of the candidate, and of all other animals: the mark to pass.'
#: Column of the interval of raw for a layer's own units; narrow, for terminals of 80 columns.
_OWN_UNITS = Column('own units', 'number', formats=('.2f', '.2f'), joint='–', parts=('own units low', 'own units high'))


def score_tables(results: Sequence[Result]) -> list[Table]:
    """Lay out results in detail: areas or domains, then the mean of each benchmark."""
    neural = [result for result in results if result.targets is None]
    tables = [_domains(result) for result in results if result.targets is not None]
    return [*tables, _areas(neural), *_single_animals(neural)] if neural else tables


def _single_animals(results: Sequence[Result]) -> list[Table]:
    """Lay out values on single animals, which are not comparable with those on all animals at once."""
    rows = []
    for result in results:
        group, own_name = _place(result)
        parts: dict[str, Result | Part] = {**(result.areas or {}), own_name: result}
        for name, part in parts.items():
            if part.other_mice is not None:
                own = (name, part.n_animals, part.model_per_animal, part.other_mice)
                rows.append(Row((label(result), group, *own), strong=part is result))
    columns = (
        *(heading('candidate'), heading('benchmark'), Column('area'), count('animals')),
        *(number('candidate on one animal'), number('other mice on one animal')),
    )
    return [Table(columns, rows, notes=[_OTHER_MICE])] if rows else []


def _areas(results: Sequence[Result]) -> Table:
    rows = []
    for result in results:
        group, own_name = _place(result)
        for area, part in (result.areas or {}).items():
            rows.append(Row((label(result), group, area, str(part.layer), *_numbers(part))))
        layer = '' if result.areas else str(result.layer or '')
        rows.append(Row((label(result), group, own_name, layer, *_numbers(result)), strong=True))
    columns = (
        *(heading('candidate'), heading('benchmark'), Column('area'), Column('layer')),
        *(count('neuroids'), number('raw'), _OWN_UNITS, number('ceiling'), estimate('score')),
    )
    return Table(columns, rows, notes=[*_notes_on_data(results), *_notes_on(results)])


def _place(result: Result) -> tuple[str, str]:
    """Benchmark of all areas, as the heading of a result, and its name under it: area, population or 'mean'."""
    name = parse(unrestricted(result.benchmark))
    if not isinstance(name, NeuralIdentifier):
        return result.benchmark, 'score'
    whole = NeuralIdentifier(name.dataset, None, None, name.comparison)
    whole_name = f'{whole}{result.benchmark.removeprefix(str(name))}'
    group = f'{whole_name} (simulated)' if result.simulated else whole_name
    return group, dotted_name(name.area, name.population) or 'mean'


def _notes_on_data(results: Sequence[Result]) -> list[str]:
    return notes_on_data(result.benchmark for result in results)


def _numbers(result: Result | Part) -> tuple[Cell, ...]:
    scored = None if result.score is None else (result.score, result.error)
    own = result.own_units_interval
    own_units = None if own is None else (own[0], own[1])
    return (result.n_neuroids, result.raw, own_units, result.ceiling, scored)


def _end(result: Result) -> str:
    """End of the names of the benchmarks that a sentence is about: their comparison, such as '-rdm'."""
    name = parse(unrestricted(result.benchmark))
    return f'-{name.comparison}' if isinstance(name, NeuralIdentifier) else result.benchmark


def _scales(results: Sequence[Result]) -> list[str]:
    """Say what 0 and 1 are, and of which benchmarks, where scores have ceilings of several kinds."""
    ends: dict[str, dict[str, None]] = {}
    for result in results:
        parts: list[Result | Part] = [result, *(result.areas or {}).values()]
        for part in parts:
            kind = (part.ceiling_kind or '').partition(',')[0]
            if kind in CEILINGS:
                ends.setdefault(kind, {})[_end(result)] = None
    if len(ends) == 1:
        return [f'score: {CEILINGS[kind]}.' for kind in ends]
    return [f'score of {", ".join(own)}: {CEILINGS[kind]}.' for kind, own in ends.items()]


def _notes_on(results: Sequence[Result]) -> list[str]:
    """Explain the numbers of a table: a sentence for each comparison, and one for all."""
    notes = []
    examples: dict[str, Result] = {}
    for result in results:
        examples.setdefault(_end(result), result)
    for end, result in examples.items():
        part = next(iter((result.areas or {}).values()), result)  # the formula of an area, not that of the mean
        error = (result.choices or {}).get('error')
        if part.formula:
            notes.append(f'{end}: score {_equals(part.formula)}{f"; ± by {error}" if error else ""}.')
        notes += [f'Note: {result.caveat}.'] if result.caveat else []
        chosen_by = (result.choices or {}).get('layers_chosen_by')
        if chosen_by:
            notes.append(f'{end}: layers chosen by -{chosen_by}; no own units, each of which takes as long as a score.')
    notes += dict.fromkeys(f'{label(result)}: {note}.' for result in results for note in result.notes or ())
    notes += dict.fromkeys(
        f'{result.benchmark} has no ceiling: {result.ceiling_kind.removeprefix("none: ")}.'
        for result in results
        if result.ceiling_kind and result.ceiling_kind.startswith('none: ')
    )
    for result in results:
        left_out = (result.choices or {}).get('stimuli_not_in_all_sessions_dropped')
        if left_out:
            notes.append(
                f'{result.benchmark}: on {result.n_stimuli} stimuli; {left_out} that not all sessions have are left '
                'out.'
            )
    parts: list[Result | Part] = [*results, *(part for result in results for part in (result.areas or {}).values())]
    notes += _scales(results)
    lone_animal = all(part.n_animals == 1 for part in parts)
    of = 'other neuroids of the animal' if lone_animal else 'new animals'
    notes.append(f'±: standard error for {of} and new stimuli. neuroids: number of reliable ones.')
    for result in results:
        lone = [name for name, part in _own_parts(result).items() if part.n_animals == 1]
        if lone:
            areas = f' ({", ".join(lone)})' if result.areas else ''
            notes.append(f'{result.benchmark}: recordings of one animal{areas}; ± says nothing about other animals.')
        cut = {name: part for name, part in _own_parts(result).items() if part.score == 0 and (part.uncut or 0) < 0}
        if cut:
            shown = ', '.join(f'{name} {_between(part.raw, part.raw_interval)}' for name, part in cut.items())
            notes.append(f'{result.benchmark}: a negative raw counts as 0; with its 95 % interval: {shown}.')
        unscored = [name for name, part in _own_parts(result).items() if part.score is None]
        if unscored:
            notes.append(
                f'{result.benchmark}: raw without a score ({", ".join(unscored)}): the 95 % interval of the ceiling '
                'reaches below 0.2.'
            )
        details = [each for part in _own_parts(result).values() for each in _details(part)]
        sampled = [each for each in details if 'pairs' in each]
        if sampled:
            largest = max(each['pairs_error'] for each in sampled)
            notes.append(
                f'{result.benchmark}: raw is of {sampled[0]["pairs"]:,.0f} pairs of stimuli, drawn at random from '
                f'{math.comb(result.n_stimuli or 0, 2):,}; its standard error by that is {largest:.4f} or less.'
            )
        fewest = min((each['components'] for each in details if 'components' in each), default=math.inf)
        components = str((result.choices or {}).get('components', ''))
        if components.isdigit() and fewest < int(components):
            notes.append(
                f'{result.benchmark}: {fewest:g} components, not {components}; stimuli or features allow no more.'
            )
        left_out_units = {name: _units_left_out(part) for name, part in _own_parts(result).items()}
        if any(left_out_units.values()):
            shown = ', '.join(
                f'{name} {text}' if result.areas else text for name, text in left_out_units.items() if text
            )
            notes.append(f'{result.benchmark}: units that vary on fewer than three stimuli are left out: {shown}.')
        if (result.choices or {}).get('reliability_threshold', 0) is None:
            notes.append(f'{result.benchmark}: no own units; one repetition leaves the noise of the neuroids unknown.')
    if any(part.own_units_interval is not None for part in parts):
        notes += _ABOUT_OWN_UNITS
    names = [name for name in map(_neural, results) if name is not None and name.comparison in COMPARISONS]
    # Imported recordings have no METHODS.md; that of any dataset describes the comparisons.
    any_folder = next(iter(RECORDINGS.values())).folder
    datasets = dict.fromkeys(name.dataset for name in names)
    folders = dict.fromkeys(RECORDINGS[name].folder if name in RECORDINGS else any_folder for name in datasets)
    methods = ', '.join(f'm2m_benchmarks/benchmarks/{folder}/METHODS.md' for folder in folders)
    notes += [f'raw and ceiling: see {methods}.'] if methods else []
    chosen = [result.commitment for result in results]
    chosen += [part.commitment for result in results for part in (result.areas or {}).values()]
    if any(how and how.startswith('chosen') for how in chosen):
        notes.append('Each layer was chosen on one half of the neuroids and scored on the other.')
    if any(how and how.startswith('cross-fitted') for how in chosen):
        two = any(' | ' in str(part.layer) for part in parts)
        notes.append(
            'Each half of the neuroids is scored by the layer chosen on the other'
            f'{"; two layers are one for each half" if two else ""}.'
        )
    of_half = dict.fromkeys(
        _end(result)
        for result in results
        for part in _own_parts(result).values()
        if (part.ceiling_kind or '').endswith(OF_HALF)
    )
    if of_half:
        notes.append(f'{", ".join(of_half)}: raw and ceiling are for half of the neuroids, the mean of both halves.')
    return notes


def _details(part: Result | Part) -> list[Mapping[str, float]]:
    """List the numbers about the computation: those of both halves, or of the whole."""
    return [part.details or {}, *(part.halves or [])]


def _own_parts(result: Result) -> dict[str, Result | Part]:
    """Areas of a result, or the result itself by the name of its benchmark's area."""
    parts: dict[str, Result | Part] = {'raw': result}
    return {**result.areas} if result.areas else parts


def _units_left_out(part: Result | Part) -> str:
    """Number of units that a comparison leaves out, of those of the layer or of the layer of each half; '' for none."""
    counted = [details for details in _details(part) if 'units_left_out' in details]
    texts = dict.fromkeys(f'{details["units_left_out"]:g} of {details["units"]:g}' for details in counted)
    return ' and '.join(texts) if any(details['units_left_out'] for details in counted) else ''


def _between(value: float | None, interval: list[float] | None) -> str:
    return f'{value or 0:.3f} ({_interval_of(interval) or "no interval"})'


def _neural(result: Result) -> NeuralIdentifier | None:
    """Name of a benchmark on recordings with one of this library's comparisons; None for others."""
    name = parse(unrestricted(result.benchmark))
    return name if isinstance(name, NeuralIdentifier) and name.comparison in KNOWN else None


def _domains(result: Result) -> Table:
    assert result.targets is not None and result.in_domain is not None and result.protocol is not None
    group = (label(result), result.benchmark)
    rows = [
        Row((*group, name, part.accuracy, tuple(part.interval), part.n_images, part.n_clusters))
        for name, part in [(f'{result.source} (source)', result.in_domain), *result.targets.items()]
    ]
    rows.append(Row((*group, 'mean', result.score, (None, None), result.n_stimuli, None), strong=True))
    columns = (
        *(heading('candidate'), heading('benchmark'), Column('domain'), number('accuracy')),
        *(interval('95 % interval'), count('images'), count('clusters')),
    )
    layer = f' ({result.layer})' if result.protocol == 'readout_accuracy' and result.layer else ''
    notes = [
        f'score {result.score:.3f} ± {result.error or 0:.3f}: {result.formula}.',
        f'gap {result.generalization_gap or 0:+.3f}: accuracy on the source minus the score. '
        f'Compared: {PROTOCOLS.get(result.protocol, result.protocol)}{layer}.',
        *_notes_on_data([result]),
    ]
    return Table(columns, rows, notes=notes)


def matrix_table(results: Sequence[Result], width: int | None = None, plain: bool = False) -> Table:
    """Lay out the newest results as candidates x benchmarks, the best candidate first.

    If the table is wider than `width`, the benchmarks are below one another. A candidate with several seeds also has a
    row for their mean, whose ± is the standard deviation between seeds. A `plain` table has neither means nor marks.
    """
    arranged = matrix(results)
    contradictory = find_contradictions(results)
    rows: dict[str, dict[str, tuple[float | None, float | None]]] = {}
    for name in arranged.labels:
        cells = {
            benchmark: arranged.cells[name, benchmark]
            for benchmark in arranged.benchmarks
            if (name, benchmark) in arranged.cells
        }
        marked = any(cell.uid in contradictory for cell in cells.values())
        rows[f'{name} !' if marked and not plain else name] = {
            benchmark: (cell.score, cell.error) for benchmark, cell in cells.items()
        }
    means = {} if plain else _means_of_seeds(arranged.cells)
    split = sorted({name.partition(' [')[0] for name in arranged.benchmarks if ' [' in name})
    notes = [
        'score: 0 is chance, 1 the ceiling, which `m2m results show` explains; for digits, the share of correct '
        'labels. ±: standard error.'
    ]
    if split:
        notes.append(f'{", ".join(split)}: results of different versions or data have columns of their own.')
    if means:
        notes.append('± of a mean of seeds: standard deviation between the seeds.')
    if contradictory:
        notes.append('!: results of the same candidate, data and code have different scores; see --each.')
    notes += _notes_on_data(results)
    columns = (Column('candidate'), *(estimate(benchmark) for benchmark in arranged.benchmarks))
    lines = [
        Row((name, *(own.get(benchmark) for benchmark in arranged.benchmarks)), strong=name in means)
        for name, own in [*rows.items(), *means.items()]
    ]
    order = [_ORDER] if len(arranged.labels) > 1 and len(arranged.benchmarks) > 1 else []
    table = Table(columns, lines, notes=[*notes, *order])
    if fits(table, width):
        return table
    lines = []
    for benchmark in arranged.benchmarks:
        scored = {name: own[benchmark] for name, own in rows.items() if benchmark in own}
        best_first = sorted(scored, key=lambda name: _or_lowest(scored[name][0]), reverse=True)
        lines += [Row((benchmark, name, scored[name])) for name in best_first]
        lines += [
            Row((benchmark, name, own[benchmark]), strong=True) for name, own in means.items() if benchmark in own
        ]
    return Table((heading('benchmark'), Column('candidate'), estimate('score')), lines, notes=notes)


def _or_lowest(score: float | None) -> float:
    return -math.inf if score is None else score


def _means_of_seeds(cells: Mapping[tuple[str, str], Result]) -> dict[str, dict[str, tuple[float | None, float | None]]]:
    """Mean and standard deviation between seeds of untrained candidates, by their name and by column."""
    scores: dict[str, dict[str, list[float]]] = {}
    for (_, column), result in cells.items():
        if result.score is not None and result.seed is not None and (result.weights or '').startswith('none'):
            scores.setdefault(f'{result.model}@none', {}).setdefault(column, []).append(result.score)
    means: dict[str, dict[str, tuple[float | None, float | None]]] = {}
    for name, by_benchmark in scores.items():
        for n in sorted({len(own) for own in by_benchmark.values()} - {1}):
            means[f'{name} mean of {n} seeds'] = {
                benchmark: (statistics.mean(own), statistics.stdev(own))
                for benchmark, own in by_benchmark.items()
                if len(own) == n
            }
    return means


def list_table(results: Sequence[Result], contradictory: set[str]) -> Table:
    """Lay out results one by one, in the given order; benchmarks of several versions or data are named with them."""
    columns = (Column('result'), Column('created'), Column('candidate'), Column('benchmark'), estimate('score'))
    rows = [
        Row(
            (
                f'{result.uid} !' if result.uid in contradictory else result.uid,
                result.created.replace('T', ' ').partition('+')[0],
                name,
                benchmark,
                (result.score, result.error),
            )
        )
        for name, benchmark, result in zip(labels(results), comparability.columns(results), results, strict=True)
    ]
    notes = ['`m2m results show RESULT` shows what a score depends on.']
    if any(result.uid in contradictory for result in results):
        notes.append('!: another result of the same candidate, data and code has a different score.')
    return Table(columns, rows, notes=notes)


def facts(result: Result) -> list[str]:
    """List everything that a result depends on, one line each."""
    lines = [f'result {result.uid}, {result.created}']
    entries = {
        'weights': result.weights,
        'trained on': result.training_set,
        'family': result.family,
        'parameters': None if result.n_parameters is None else f'{result.n_parameters:,}',
        'input': None if result.input is None else ' x '.join(map(str, result.input.shape)),
        'preprocessing': result.preprocessing,
        'mouse acuity': result.mouse_acuity,
        'note': '; '.join(result.notes) if result.notes else None,
        'ceiling': result.ceiling_kind,
        '95 % interval': _interval_of(result.interval),
        '95 % interval of raw': _interval_of(result.raw_interval),
        '95 % interval of the ceiling': _interval_of(result.ceiling_interval),
        'standard error, one factor': _listed(_rounded(result.errors)),
        'ceiling of the trials, all neuroids': _three(result.trial_ceiling),
        'ceiling of a model of the species, all neuroids': _three(result.animal_ceiling),
        'bounds over animals, all neuroids': _listed(_rounded(result.animal_bounds)),
        'own units, raw': _three(result.own_units),
        '95 % interval of one recording of own units': _interval_of(result.own_units_interval),
        'raw on one animal, mean': _three(result.model_per_animal),
        'other mice on one animal, mean': _three(
            result.inter_animal if result.other_mice is None else result.other_mice
        ),
        'benchmark version': None if result.version is None else str(result.version),
        'layer': result.commitment,
        'settings': _listed(result.choices),
        'details': _listed(result.details),
        'responses made with': _listed(result.data_settings),
        'library': None if result.library is None else f'{result.library.version}, {result.library.code_sha256[:12]}',
        'machine': None
        if result.machine is None
        else f'{result.machine.platform}, {result.machine.cpu_capability}, {result.machine.threads} threads, '
        f'{result.machine.device}, {result.machine.processor or "unknown processor"}',
        'packages': _listed(result.versions),
        'seconds': None if result.seconds is None else f'{result.seconds:.1f}',
    }
    lines += [f'{name}: {value}' for name, value in entries.items() if value is not None]
    for name in ('weights', 'code', 'response', 'data', 'stimuli'):
        value = getattr(result, f'{name}_sha256')
        lines += [f'{name} SHA-256: {value}'] if value is not None else []
    if result.format == 1:
        lines.append('This result was stored by an earlier version, which recorded no more.')
    return lines


def _equals(formula: str) -> str:
    """Write a formula after the word score; other libraries' benchmarks have words instead of one."""
    return formula if formula.startswith('as ') else f'= {formula}'


def _three(value: float | None) -> str | None:
    return None if value is None else f'{value:.3f}'


def _interval_of(interval: Sequence[float] | None) -> str | None:
    return None if interval is None else ' to '.join(f'{end:.3f}' for end in interval)


def _rounded(values: dict[str, float] | None) -> dict[str, object] | None:
    if values is None:
        return None
    return {
        name: value if isinstance(value, int) else f'{value:.3f}' for name, value in values.items() if value is not None
    }


def _listed(values: Mapping[str, object] | None) -> str | None:
    return None if not values else ', '.join(f'{name} {value}' for name, value in values.items())
