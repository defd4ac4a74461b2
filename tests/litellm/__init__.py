"""Nightjar against the LiteLLM proxy, a server that nobody here wrote; `make test-litellm` runs what lies here."""
