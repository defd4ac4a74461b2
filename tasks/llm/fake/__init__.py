"""A provider that invents its answers: it speaks OpenAI's protocol on loopback, for dry runs, tests and benchmarks."""
