"""Who acts: the only place that knows Faust, Kafka, Avro bytes, HTTP, the time."""
