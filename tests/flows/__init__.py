"""Settings, command line, the nightly flow on the sample, and what a killed run leaves."""
