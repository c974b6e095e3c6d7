"""m2m models."""

from typing import Annotated

import typer

from m2m_benchmarks.cli.console import write_json
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN, registered


def models(
    json: Annotated[bool, typer.Option('--json', help='Print JSON.')] = False,
) -> None:
    """List the models that can be scored by name: this library's, then brainscore_vision's.

    Example:  m2m models | grep -i resnet
    """
    own, others = registered('model'), registered('model', BRAIN_SCORE)
    if json:
        found = [*own.values(), *(plugin for name, plugin in others.items() if name not in own)]
        content = [{'identifier': p.identifier, 'library': p.library, 'plugin': p.folder} for p in found]
        write_json(content, '-')
        return
    # Plain text: hundreds of lines, read by eye or by grep.
    lines = []
    for title, library, names in (
        ('This library', OWN, list(own)),
        ('Brain-Score', BRAIN_SCORE, sorted(set(others) - set(own), key=str.lower)),
    ):
        lines += [f'{title} ({library}): {len(names)}', *(f'  {name}' for name in names)]
    lines.append('Also: torchvision:NAME, timm:NAME, the path of a plugin folder, or your own network from Python.')
    print('\n'.join(lines))
