"""How a step runs as a Prefect task: its name, when it is tried again, how long it may take, what it logs."""

from tasks.running.step_task import task

__all__ = ["task"]
