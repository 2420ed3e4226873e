"""Benchmarks: `python -m bench [NAME]`. Each prints every row, also the poor ones, and keeps them in results/."""
