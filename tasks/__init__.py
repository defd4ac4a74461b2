"""The steps: one module a step, and the capability folders that they call."""
