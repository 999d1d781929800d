"""Trainers: one learner per model; what they read, learned and published is one record."""
