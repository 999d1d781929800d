"""Replay: recorded decisions are decided again from their records alone, and compared byte for byte."""
