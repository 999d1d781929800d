"""The oracle: what has to come of what was told, from the bundle itself and in the plainest words.

It shares no code with the engine: no board, no bitsets, no series, no compiled conditions, no timers.  What it says of
a decision, a feature or a reward must be what the engine says, to the digit.
"""
