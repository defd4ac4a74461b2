"""What every room may know: the error tree, the step report and the catalog file. Imports nothing of the project."""
