"""Values that make no sense are refused before anything is installed, with words that say what to change."""

import pytest

from tests.deployment.chart import Values, refusal

pytestmark = pytest.mark.tool

BY_SCHEMA: list[tuple[Values, str]] = [
    # A folder is one pod's alone.
    ({"profiles.url": "/data/profiles"}, "at '/profiles/url': '/data/profiles' does not match"),
    ({"online.events": "/data/events.jsonl"}, "at '/online/events'"),
    # Secrets come by reference.
    ({"profiles.url": "redis://user:word@host:6379/0"}, "at '/profiles/url'"),
    ({"online.events": "kafka://user:word@host:9092/t"}, "at '/online/events'"),
    ({"valkey.secretName": "not a name"}, "at '/valkey/secretName'"),
    # Slips.
    ({"server.replica": 3}, "additional properties 'replica' not allowed"),
    ({"servers": {}}, "additional properties 'servers' not allowed"),
    ({"image.repository": "pinnersage:0.1.0"}, "at '/image/repository'"),
    ({"image.digest": "0123"}, "at '/image/digest'"),
    ({"artefact.source": "s3"}, "value must be one of 'volume', 'fetch'"),
    ({"artefact.volume.accessModes": ["ReadWriteOnce"]}, "at '/artefact/volume/accessModes'"),
    ({"batch.engine": "flink"}, "value must be one of 'local', 'spark'"),
    ({"batch.schedule": "daily"}, "at '/batch/schedule'"),
    ({"server.replicas": 0}, "minimum: got 0, want 1"),
    ({"server.cpu": "much"}, "at '/server/cpu'"),
    ({"server.flags": {"pins": "/elsewhere"}}, "invalid propertyName 'pins'"),
    # Its own volume is server.requestLog.
    ({"server.flags": {"request-log": "/here"}}, "invalid propertyName 'request-log'"),
    ({"indexBuild.keep": 1}, "minimum: got 1, want 2"),
    ({"networkPolicy.clients": []}, "at '/networkPolicy/clients'"),
]

BY_CHECK: list[tuple[Values, str]] = [
    ({"server.allowInsecure": False}, "or say server.allowInsecure=true"),
    ({"tls.clientCASecretName": "ca"}, "name the server's own in tls.secretName"),
    ({"server.terminationGracePeriodSeconds": 30}, "a server needs 43 s to end"),
    ({"server.connectionAgeSeconds": 120}, "a server needs 142 s to end"),
    ({"profiles.url": "redis://host:6379/0"}, "set valkey.enabled=false"),
    ({"valkey.enabled": False}, "set profiles.url=redis://HOST:PORT/DB"),
    ({"networkPolicy.enabled": False}, "The chart's Valkey has no password"),
    ({"data.existingClaim": ""}, "set data.existingClaim or data.fetchUrl"),
    ({"data.fetchUrl": "s3:data"}, "set one"),
    ({"artefact.source": "fetch"}, "artefact.fetch.url does not say from where"),
    ({"batch.engine": "spark"}, "name one that has it in batch.sparkImage"),
    ({"online.enabled": True}, "online.enabled needs online.events"),
    (
        {
            "online.enabled": True,
            "online.events": "kafka://a:1/t",
            "data.existingClaim": "",
            "indexBuild.enabled": False,
            "batch.enabled": False,
        },
        "online.enabled needs the weights of actions",
    ),
    ({"server.recordActions": True}, "server.recordActions needs online.events"),
    ({"server.autoscaling.minReplicas": 20}, "minReplicas (20) is above maxReplicas (10)"),
    ({"server.autoscaling.enabled": False, "server.replicas": 1}, "serves nobody while its node is drained"),
    ({"fullnameOverride": "2026"}, "a Service's name begins with a letter"),
]


@pytest.mark.parametrize(("values", "words"), BY_SCHEMA, ids=lambda value: str(value)[:40])
def test_a_value_that_is_none_is_refused(values: Values, words: str) -> None:
    """By the schema: the place, and what was found there."""
    assert words in refusal(values)


@pytest.mark.parametrize(("values", "words"), BY_CHECK, ids=lambda value: str(value)[:40])
def test_values_that_do_not_go_together_are_refused(values: Values, words: str) -> None:
    """By the templates: what would come of it, and what to set."""
    assert words in refusal(values)


def test_an_archive_needs_a_claim() -> None:
    """What the consumer keeps for the batch must outlive its pod."""
    values: Values = {"online.enabled": True, "online.events": "kafka://a:1/t", "online.archive": "actions"}
    fetched: Values = {"data.existingClaim": "", "data.fetchUrl": "s3:data"}
    assert "data.existingClaim names none" in refusal(values | fetched)
