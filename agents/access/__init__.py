"""How a Kafka is reached: its addresses, who we are to it, and what each process has to be granted there."""
