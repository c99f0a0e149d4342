"""The servers we run ourselves: PostgreSQL and Apache Kafka on one machine, without Docker or root."""
