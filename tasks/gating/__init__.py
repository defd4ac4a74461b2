"""Runs a suite over the warehouse: reads the audits, stores every result, and stops the run on a critical failure."""

from tasks.gating.check import check_suite

__all__ = ["check_suite"]
