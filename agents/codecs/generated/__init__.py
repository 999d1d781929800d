"""Codecs written by `python -m agents.codecs.generate` from `schemas/`; never edited by hand."""
