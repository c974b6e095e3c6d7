"""Reads the run with given settings, or trains it."""

from m2m_benchmarks.errors import ModelError, TrainingError
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.scoring.runs import RESULT, Run, read_run, runs_folder
from m2m_benchmarks.training.settings import Settings
from m2m_benchmarks.training.sources import source_sha256
from m2m_benchmarks.training.train import train


def trained_run(settings: Settings, progress: Progress | None = None) -> Run:
    """Read the finished run with these settings from the folder of runs, or train it.

    A run that was interrupted is resumed. How often a run was validated does not matter unless that can stop it early.

    Parameters
    ----------
    settings : Settings
    progress : callable, optional

    Raises
    ------
    TrainingError
        When the folder holds another run, or the source has changed.
    M2MError
        See `train`.
    """
    folder = settings.folder()
    if not (folder / RESULT).is_file():
        same = _validated_otherwise(settings)
        if same is not None:
            return same

        def report(what: str, done: int, total: int) -> None:
            if progress:
                progress(f'{settings.model}, seed {settings.seed}: {what}', done, total)

        return train(settings, resume=True, progress=report)
    run, expected = read_run(folder), settings.document()
    differing = [key for key in expected if run.config.get(key) != expected[key]]
    if differing:
        raise TrainingError(
            f'{folder} holds a run whose settings differ from its name: {", ".join(differing)}. Move the folder.'
        )
    if source_sha256(settings.dataset) not in (None, run.data['sha256']):
        raise TrainingError(
            f'{folder} holds a run that was trained on another version of {settings.dataset} than the one on this '
            'machine. Move it to train again.'
        )
    return run


def _validated_otherwise(settings: Settings) -> Run | None:
    """A finished run in the folder of runs that differs in its interval of validation alone, so not in its weights."""
    if settings.early_stop is not None:
        return None
    expected = {name: value for name, value in settings.document().items() if name != 'interval'}
    for path in sorted(runs_folder().glob(f'{settings.model}-*/{RESULT}')):
        try:
            run = read_run(path.parent)
        except ModelError:  # a damaged run is no answer, and no hindrance
            continue
        same_data = source_sha256(settings.dataset) in (None, run.data['sha256'])
        if same_data and {name: run.config.get(name) for name in expected} == expected:
            return run
    return None
