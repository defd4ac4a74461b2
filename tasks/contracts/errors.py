"""The whole error tree of Nightjar, in one place.

NightjarError                    anything that we raise on purpose
├── ConfigError                  settings, catalog file or command line are wrong        exit code 2
│   └── SourceError              a source file or its column mapping does not fit        exit code 2
├── StepError                    a step could not do its work                            exit code 1
│   ├── MissingInputError        an earlier stage has not run for this catalog
│   ├── TooFewLabelsError    the ranker has too little to learn from
│   ├── ModelFileError           a model file is absent or fails its checksum
│   └── LabelerError             the labeler can't go on
│       ├── TransientError       worth another try (timeout, 429, 5xx)
│       ├── TerminalError        no retry will help (401, unknown model, refused connection)
│       └── UnfinishedError      the budget is reached or a batch still runs: the rest stays due
├── GateFailedError                   a quality gate stopped the run                          exit code 3
└── ContractBreakError                a publication is not what the contract says             exit code 3

A run that ends partial (UnfinishedError: questions stay due) is no failure; its exit code is 4.

A message says what is wrong with which value, and then what to do.
"""

from __future__ import annotations


class NightjarError(Exception):
    """Anything that Nightjar raises on purpose; its message is meant for the operator."""

    exit_code = 1


class ConfigError(NightjarError):
    """Settings, a catalog file or a command line that can't be used as they are."""

    exit_code = 2


class SourceError(ConfigError):
    """A source file that can't be read at all, or a column mapping that does not fit it."""


class StepError(NightjarError):
    """A step that could not do its work; what it had committed is kept."""


class MissingInputError(StepError):
    """A stage was asked for before the stage that it reads from had run."""


class TooFewLabelsError(StepError):
    """Too few users or grades are known to train or measure a ranker; the order of the fused sources is served."""


class ModelFileError(StepError):
    """A model file that is absent or whose checksum is not the stated one."""


class LabelerError(StepError):
    """A labeler that can't go on; labels already given are kept."""


class TransientError(LabelerError):
    """A failure worth another try: timeout, rate limit, server error."""


class TerminalError(LabelerError):
    """A failure that no retry will mend: bad key, unknown model, refused connection."""


class UnfinishedError(LabelerError):
    """The asking ended before the work list did, and all is in order: what was answered is kept, the rest stays due."""


class GateFailedError(NightjarError):
    """A critical expectation failed; nothing was published and the last publication stands."""

    exit_code = 3


class ContractBreakError(NightjarError):
    """A publication does not hold what the contract, an earlier publication or the warehouse promises its readers."""

    exit_code = 3
