"""Tests of tasks/llm, and the loopback server that they and the labeler's tests talk to."""
