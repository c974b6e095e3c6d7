"""Figures in pages: SVG whose text and lines have the colour of the page's text, in both themes."""

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from m2m_benchmarks.messages import printable

#: Colour of text and lines while a figure is drawn, which nothing else has; the page's replaces it.
INK = '#010203'
#: Settings under which figures for pages are drawn.
STYLE: dict[Any, Any] = {
    **dict.fromkeys(('text.color', 'axes.edgecolor', 'axes.labelcolor', 'xtick.color', 'ytick.color'), INK),
    'text.parse_math': False,  # a dollar in a name doesn't begin a formula
    'svg.fonttype': 'none',
    'axes.facecolor': 'none',
    'legend.facecolor': 'none',
}


def to_svg(draw: Callable[[], Figure], key: str, description: str) -> Markup:
    """Render a figure as SVG for a page.

    Parameters
    ----------
    draw : callable
        Function that draws the figure.
    key : str
        Prefix of all identifiers in it, which differ from those of other figures on the page.
    description : str
        Text for those who can't see it.
    """
    file = io.StringIO()
    with matplotlib.rc_context({**STYLE, 'svg.hashsalt': key}):
        draw().savefig(file, format='svg', transparent=True, metadata={'Date': None, 'Creator': None})
    svg = file.getvalue()
    svg = svg[svg.index('<svg') :].replace(INK, 'currentColor')
    svg = re.sub(r'<metadata>.*?</metadata>', '', svg, flags=re.S)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf'\g<1>{key}-', svg)
    label = escape(printable(description))
    return Markup(svg.replace('<svg ', f'<svg role="img" aria-label="{label}" ', 1))
