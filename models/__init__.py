"""Model plugins as Brain-Score expects them; installed as m2m_benchmarks.models."""
