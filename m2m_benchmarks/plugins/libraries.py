"""Names of the models in torchvision and timm, read from the text of the installed packages, which aren't imported."""

import functools
import importlib.util
import re
from pathlib import Path

#: Libraries whose models have names of the form LIBRARY:NAME.
LIBRARIES = ('torchvision', 'timm')
#: A function with the decorator by which both libraries register models, possibly with other decorators in between.
_REGISTERED = re.compile(r'^@register_model.*\n(?:(?!def ).*\n)*def (\w+)\(', re.MULTILINE)


@functools.cache
def library_models(library: str) -> tuple[str, ...]:
    """List the models of a library, in alphabetical order; none if it isn't installed.

    Parameters
    ----------
    library : {'torchvision', 'timm'}
    """
    spec = importlib.util.find_spec(library)  # does not import a top-level package
    if spec is None or not spec.submodule_search_locations:
        return ()
    files = (Path(next(iter(spec.submodule_search_locations))) / 'models').glob('*.py')
    return tuple(sorted(name for file in files for name in _REGISTERED.findall(file.read_text(encoding='utf-8'))))
