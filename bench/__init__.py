"""Benchmarks and conformance runs, each with its command, versions and figures in `bench/results/`."""
