"""The log between services: what goes over it, in this process or by Kafka, and what takes it there."""
