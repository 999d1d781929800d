"""Scenarios: what a policy is meant to do, in events and decisions that a marketer can read."""
