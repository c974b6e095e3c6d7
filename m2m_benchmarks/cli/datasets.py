"""Descriptions of datasets on this machine."""

from typing import Any

from m2m_benchmarks.cli.fetch import summarize_splits
from m2m_benchmarks.cli.recordings import describe_settings
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.made_here import MADE_HERE


def dataset_state(name: str) -> dict[str, Any]:
    """Describe a dataset: whether it is on this machine, its size and areas or splits, and the command that gets it."""
    entry = manifest.read(name)
    recordings = entry if entry and entry.get('kind') != manifest.DIGITS else None
    return {
        'here': entry is not None,
        'bytes': sum(file['bytes'] for file in manifest.files(entry)) if entry else 0,
        'sha256': recordings['assembly']['sha256'] if recordings else None,
        'areas': recordings['summary']['areas'] if recordings else {},
        'made_with': describe_settings(recordings) if recordings else None,
        'splits': summarize_splits(entry) if entry and not recordings else {},
        'bring': None if name in MADE_HERE else manifest.import_command(name),
    }


def describe_content(entry: dict[str, Any]) -> str:
    """Describe the size of a dataset: the neuroids of its `areas`, or the images of its `splits`."""
    if entry['splits']:
        return ', '.join(f'{split} {parts["images"]:,}' for split, parts in entry['splits'].items())
    return f'{sum(area["neuroids"] for area in entry["areas"].values()):,} neuroids'
