"""Delivery channels: they carry out activations, once each, and report what became of them."""
