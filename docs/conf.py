"""Settings of the documentation site: `make docs` builds it, with warnings as errors."""

from m2m_benchmarks import __version__

project = 'M2M'
author = 'the M2M authors'
release = version = __version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'numpydoc']
html_theme = 'furo'
html_title = f'M2M {release}'
html_copy_source = False
html_show_copyright = False

# Headings are anchors by GitHub's rule: the same links work there and here.
myst_heading_anchors = 4
# Output of commands and shell lines have no language.
highlight_language = 'none'

# The classes of attributes and methods are described by hand.
numpydoc_show_class_members = False
autodoc_typehints = 'none'
autodoc_member_order = 'bysource'
