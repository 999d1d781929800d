"""The HTTP door: events in over `POST /events`, a decision for an event over `POST /decide`; nothing is kept here."""
