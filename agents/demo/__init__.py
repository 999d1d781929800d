"""The demo: an example's history played through a deployment of its own, every process of it started here."""
