"""Helpers to test plugins with: array bundles, image domains, servers and processes, all small and synthetic."""

from m2m_benchmarks.testing.bundles import Bundle, write_bundle
from m2m_benchmarks.testing.domains import write_patterns
from m2m_benchmarks.testing.processes import Command, context
from m2m_benchmarks.testing.servers import QuietHandler, serving

__all__ = ['Bundle', 'Command', 'QuietHandler', 'context', 'serving', 'write_bundle', 'write_patterns']
