"""The DAG: order, parameters, retries, schedules, and the command line. Computes nothing."""
