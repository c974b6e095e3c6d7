"""Renders templates: the one place where pages are made, with one style for all."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_environment = Environment(
    loader=PackageLoader('m2m_benchmarks.report.pages', 'templates'),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# Of the filter `tojson`: layers are in their own order, and what isn't JSON is an error here rather than in the browser.
_environment.policies['json.dumps_kwargs'] = {'sort_keys': False, 'allow_nan': False, 'separators': (',', ':')}


def render(template: str, **values: Any) -> str:
    """Fill in a template of the folder `templates`.

    Parameters
    ----------
    template : str
        Name of the file, such as 'leaderboard.html'. It extends 'base.html', which has the style, the theme switch and
        the policy that forbids requests.
    **values
        Values of the template's names. Text is escaped; the filter `tojson` writes data that a script reads.

    Returns
    -------
    str
        The page, which needs no other file.

    Raises
    ------
    jinja2.UndefinedError
        When the template has a name without a value.
    """
    return _environment.get_template(template).render(**values)
