"""Runs a suite over the warehouse: reads the audits, stores every result, and stops the run on a critical failure."""

from tasks.gating.check import check_suite, describe_warnings, evaluate_suite, store_results
from tasks.gating.publication import Findings, find_before, inspect_publication

__all__ = [
    "Findings",
    "check_suite",
    "describe_warnings",
    "evaluate_suite",
    "find_before",
    "inspect_publication",
    "store_results",
]
