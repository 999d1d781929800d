"""Confluent's schema registry: a read-only one of our schemas on a worker's port, and a client to one of yours."""
