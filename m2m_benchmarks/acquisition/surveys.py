"""The table of surveys that can be fetched: a line each. Importing it imports nothing heavy."""

from m2m_benchmarks.acquisition.allen.ecephys.survey import Siegle2021
from m2m_benchmarks.acquisition.allen.ophys.survey import DeVries2020
from m2m_benchmarks.acquisition.survey import Survey
from m2m_benchmarks.errors import UnknownNameError

SURVEYS: dict[str, Survey] = {
    'deVries2020': DeVries2020(),
    'Siegle2021': Siegle2021(),
}


def find_survey(name: str) -> Survey:
    """Survey of a name.

    Raises
    ------
    UnknownNameError
        When there is no such survey.
    M2MError
        When its class lacks a part; the message names it.
    """
    if name not in SURVEYS:
        raise UnknownNameError('dataset to fetch', name, SURVEYS)
    SURVEYS[name].check_complete()
    return SURVEYS[name]
