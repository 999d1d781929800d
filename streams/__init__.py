"""What is decided at each stage: synchronous, pure, fully typed; no I/O, no clock, no chance."""
