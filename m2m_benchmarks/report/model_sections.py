"""Sections of the report on a model: tables, figures and notes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from m2m_benchmarks.analysis.model_report import ModelReport
from m2m_benchmarks.analysis.shown_responses import Predictions
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.records.selection import label
from m2m_benchmarks.report.comparison_tables import comparison_tables
from m2m_benchmarks.report.model_figures.confusions import confusions_figure
from m2m_benchmarks.report.model_figures.differences import neurn_figure
from m2m_benchmarks.report.model_figures.domains import domains_figure
from m2m_benchmarks.report.model_figures.drawing import Drawing, unique
from m2m_benchmarks.report.model_figures.geometry import geometry_figure
from m2m_benchmarks.report.model_figures.layers import layers_figure
from m2m_benchmarks.report.model_figures.neuroids import distribution_figure, tuning_figure
from m2m_benchmarks.report.model_figures.scenes import scenes_figure
from m2m_benchmarks.report.model_figures.scores import controls_in_rows, scores_figure
from m2m_benchmarks.report.scores import facts, score_tables
from m2m_benchmarks.report.tables import Column, Row, Table


@dataclass(frozen=True)
class Section:
    """Part of a report.

    Attributes
    ----------
    title : str
    tables : list of Table
        Tables that are always shown.
    drawings : list of Drawing
    notes : list of str
    folded : list of Table
        Tables that the reader opens.
    """

    title: str
    tables: list[Table] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    folded: list[Table] = field(default_factory=list)


def sections_of(report: ModelReport) -> list[Section]:
    """Make the sections of a report, those without content left out, and no two figures with one name."""
    sections = [each for each in _sections(report) if each.tables or each.drawings or each.notes or each.folded]
    drawings = [drawing for section in sections for drawing in section.drawings]
    names = iter(unique(drawings))
    return [
        Section(each.title, each.tables, [next(names) for _ in each.drawings], each.notes, each.folded)
        for each in sections
    ]


def _sections(report: ModelReport) -> Iterator[Section]:
    neural = [result for result in report.results if result.targets is None]
    digits = [result for result in report.results if result.targets is not None]
    drawn = [scores_figure([each], controls_in_rows(report.controls.get(each.benchmark, {}))) for each in neural]
    yield Section('Scores', score_tables(neural) if neural else [], drawn, list(report.notes))
    profiles = [layers_figure(result) for result in neural]
    yield Section('Layers', drawings=[figure for figure in profiles if figure is not None])
    responses = report.responses
    yield Section('Geometry: RDMs of brain and model', drawings=[geometry_figure(own) for own in responses.geometries])
    scenes = [*responses.geometries, *responses.predictions]
    yield Section('Scenes', drawings=[scenes_figure(own) for own in scenes])
    by_benchmark: dict[str, list[Predictions]] = {}
    for own in responses.predictions:
        by_benchmark.setdefault(own.benchmark, []).append(own)
    neuroids = [distribution_figure(own) for own in by_benchmark.values()]
    yield Section('Neuroids', drawings=[*neuroids, *(tuning_figure(own) for own in responses.predictions)])
    if report.comparisons:
        tables = [table for comparison in report.comparisons for table in comparison_tables(comparison)]
        yield Section('Difference by NeuRN', drawings=[neurn_figure(report.comparisons)], folded=tables)
    tables = [table for result in digits for table in score_tables([result])]
    accuracies = [domains_figure([result]) for result in digits]
    confusions = [confusions_figure(result) for result in digits]
    yield Section('Domain generalization', tables, [*accuracies, *(own for own in confusions if own is not None)])
    yield Section('Where the numbers are from', folded=[_provenance(result) for result in report.results])


def _provenance(result: Result) -> Table:
    """List all that a result depends on."""
    lines = [line.partition(': ') for line in facts(result)]
    rows = [Row((name, value)) if value else Row(('', name)) for name, _, value in lines]
    title = f'{label(result)} on {result.benchmark}'
    return Table((Column('field'), Column('value', 'text')), rows, title)
