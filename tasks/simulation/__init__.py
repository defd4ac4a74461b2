"""Profiles for a catalog that has none. Pure: a seed and a taxonomy in, profiles out."""

from tasks.simulation.profiles import simulate_profiles

__all__ = ["simulate_profiles"]
