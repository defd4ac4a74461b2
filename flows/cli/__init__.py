"""The command line `nightjar`.

Exit codes: 0 ok, 1 failed run, 2 bad usage or configuration, 3 a quality gate stopped it, 4 done but for questions that
stay due.
"""

from flows.cli.main import main

__all__ = ["main"]
