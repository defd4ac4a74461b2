"""Quality gates: suites of expectations as data, run by Great Expectations, told in words and shown as Data Docs.

Pure: frames in, results out. The frames come from sql/audits/ (a query that returns the bad rows, or one aggregate) or
from `summarize_features`, so that memory stays bounded whatever the number of users.
"""

from tasks.gates.data_docs import SuiteRun, build_data_docs
from tasks.gates.expectation import Expectation, ExpectationResult, result_frame
from tasks.gates.features import summarize_features
from tasks.gates.messages import first_critical
from tasks.gates.suites import SUITES, audits_of, build_suite
from tasks.gates.validation import run_suite

__all__ = [
    "SUITES",
    "Expectation",
    "ExpectationResult",
    "SuiteRun",
    "audits_of",
    "build_data_docs",
    "build_suite",
    "first_critical",
    "result_frame",
    "run_suite",
    "summarize_features",
]
