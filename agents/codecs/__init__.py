"""Bytes to records and back: Avro for what is said, MessagePack for what is kept."""
