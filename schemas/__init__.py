"""What is said on the wire: Avro files, one per record and major version."""
