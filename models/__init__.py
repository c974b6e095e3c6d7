"""Model plugins in Brain-Score's shape; installed as m2m_benchmarks.models."""
