"""What `continuo doctor` looks at: this machine, and the deployment on its Kafka."""
