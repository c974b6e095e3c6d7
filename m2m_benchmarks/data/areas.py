"""Mouse visual areas, in the Allen Institute's names."""

#: Primary (VISp) and higher visual areas: lateromedial, anterolateral, posteromedial, anteromedial, rostrolateral.
AREAS = ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl')
