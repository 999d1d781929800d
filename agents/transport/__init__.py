"""The transport: shards on Kafka, exactly once, under Faust's agents."""
