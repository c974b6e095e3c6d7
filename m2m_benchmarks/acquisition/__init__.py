"""From the outside world to assemblies."""
