"""Baseline: the same past without coordination, beside the same past with it."""
