"""The embedded event stream: a file of newline-JSON that is appended to, and may be rotated as logs are."""
