"""A project to begin with, as `continuo new` lays it: a policy that works, its scenario, keys for the HTTP API."""
