"""Reads the run with given settings, or trains it."""

from m2m_benchmarks.errors import TrainingError
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.scoring.runs import RESULT, Run, read_run
from m2m_benchmarks.training.settings import Settings
from m2m_benchmarks.training.sources import source_sha256
from m2m_benchmarks.training.train import train


def trained_run(settings: Settings, progress: Progress | None = None) -> Run:
    """Read the finished run with these settings from the folder of runs, or train it.

    A run that was interrupted is resumed.

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
