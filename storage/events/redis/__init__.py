"""The event stream in a Redis or Valkey: one stream, a consumer group, and a lease for the one who reads."""
