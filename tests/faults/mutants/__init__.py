"""Bugs of the engine, planted one at a time: the judge must find each."""
