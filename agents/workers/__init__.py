"""Model workers: processes, and an inline port, that answer what the stream asks a model."""
