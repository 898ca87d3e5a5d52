"""What a run's networks are worth in use: accuracy, size, latency, memory."""
