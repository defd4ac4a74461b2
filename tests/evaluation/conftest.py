"""ranx compiles each metric for seconds before it runs once; plain Python is faster for the few users of a test."""

import os

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
