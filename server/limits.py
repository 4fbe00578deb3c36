"""The limits of the wire contract: one frozen record, the defaults of protos/pinnersage/v1."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may ask for, and how much it is told. Sizes in bytes, times in s, all else is a count.

    A status travels in metadata, of which gRPC takes 8 KiB: only so many violations fit.
    """

    id_bytes: int = 128
    request_bytes: int = 256 * 1024
    metadata_bytes: int = 8 * 1024
    stream_message_bytes: int = 1024 * 1024
    max_candidates: int = 1_000
    default_candidates: int = 400
    max_interests: int = 20
    default_interests: int = 3
    exclude_pin_ids: int = 2_000
    recent_pins: int = 200
    batch_users: int = 1_000
    described_pins: int = 1_000
    filter_conditions: int = 16
    filter_values: int = 200
    action_ahead_s: int = 3_600
    told_violations: int = 10


LIMITS = Limits()
