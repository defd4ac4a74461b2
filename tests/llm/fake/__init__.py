"""Tests of the provider that invents its answers."""
