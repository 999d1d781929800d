"""Simulation: a past window of a deployment's events through another policy, in process, nothing written to Kafka."""
