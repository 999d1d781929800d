"""Examples: policy bundles with the adapters of real data sets; each one is run by a test."""
