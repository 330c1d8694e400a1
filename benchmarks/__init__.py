"""Benchmarks: `make bench-NAME` prints a table and, as its last line, `NAME: VALUE`, the headline figure alone."""
