"""The event stream in a Kafka: a topic keyed by user, so that a user's records stay in order."""
