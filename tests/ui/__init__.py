"""The Prefect UI as an operator sees it, in headless Chromium."""
