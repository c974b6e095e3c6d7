"""The table of surveys that can be fetched, one line each. It imports nothing heavy."""

from m2m_benchmarks.acquisition.allen.ecephys.survey import Siegle2021
from m2m_benchmarks.acquisition.allen.ophys.survey import DeVries2020
from m2m_benchmarks.acquisition.survey import Survey
from m2m_benchmarks.errors import M2MError, UnknownNameError

SURVEYS: dict[str, Survey] = {
    'deVries2020': DeVries2020(),
    'Siegle2021': Siegle2021(),
}


def find_survey(name: str) -> Survey:
    """Look up a survey in the table.

    Raises
    ------
    UnknownNameError
        When there is no such survey.
    M2MError
        When a part of its class is missing or wrong, or its `name` differs from that in the table.
    """
    if name not in SURVEYS:
        raise UnknownNameError('dataset to fetch', name, SURVEYS)
    survey = SURVEYS[name]
    survey.check_complete()
    if survey.name != name:
        raise M2MError(
            f'the survey {name} cannot be fetched: name of its class {type(survey).__name__} is {survey.name!r}; '
            f'expected {name!r}, as in acquisition.surveys.SURVEYS.'
        )
    return survey
