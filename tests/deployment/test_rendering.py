"""What Helm writes: numbers stay numbers, names names, and people can read it."""

import re

import pytest

from tests.deployment.chart import CASES, CHART, Values, case_file, helm, render, template

pytestmark = pytest.mark.tool

OVER_TLS = "-cacert ca.crt -authority shop-pinnersage.feed.svc"


def notes(case: str, *more: str) -> str:
    """What Helm says after an install."""
    told = helm(
        "install", "shop", CHART, "-n", "feed", "--dry-run=client", "--values", case_file(case), *more
    )
    assert told.returncode == 0, told.stderr
    return told.stdout.partition("NOTES:\n")[2]


def test_large_numbers_are_written_out() -> None:
    """Helm reads whole numbers as floats; no program is told 1e+06."""
    values: Values = {
        "server.cacheMb": 1_048_576,
        "server.flags": {"queued": 1_000_000, "drain-share": 0.25, "fallback": "popular", "warm": False},
        "valkey.maxmemoryMi": 2_000_000,
        "batch.deadlineSeconds": 1_000_000,
    }
    rendered = render(more=values)
    server = rendered.container("Deployment", "", "server")["args"]
    assert "--cache-mb=1048576" in server
    assert server[-4:] == ["--drain-share=0.25", "--fallback=popular", "--queued=1000000", "--no-warm"]
    assert rendered.container("StatefulSet", "-valkey", "valkey")["command"][1] == "2000000mb"
    assert (
        rendered.one("CronJob", "-batch")["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 1_000_000
    )


def test_names_of_digits_stay_names() -> None:
    """A claim, a folder, a secret or a class that is called by a number is no number to Kubernetes."""
    values: Values = {
        "data.existingClaim": "2024",
        "data.folder": "2025",
        "valkey.secretName": "2026",
        "valkey.storageClass": "2027",
        "server.priorityClassName": "2028",
    }
    rendered = render(more=values)
    (pod,) = (pod for where, pod in rendered.pods() if where.endswith("-batch"))
    (data,) = (volume for volume in pod["volumes"] if volume["name"] == "data")
    assert data["persistentVolumeClaim"]["claimName"] == "2024"
    (mounted,) = (each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "data")
    assert mounted["subPath"] == "2025"
    server = rendered.container("Deployment", "", "server")
    assert server["env"][0]["valueFrom"]["secretKeyRef"]["name"] == "2026"
    (claim,) = rendered.one("StatefulSet")["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "2027"
    (pod,) = (pod for where, pod in rendered.pods() if where == "Deployment shop-pinnersage")
    assert pod["priorityClassName"] == "2028"


@pytest.mark.parametrize("case", CASES)
def test_it_reads_as_if_written_by_hand(case: str) -> None:
    """Nothing is behind a line's end, no two lines are empty, no document is: `helm diff` stays readable."""
    text = template(case).stdout
    assert re.findall(r"(?m)^.*\S[ \t]+$", text) == []
    assert re.findall(r"\n\s*\n\s*\n", text) == []
    assert all(re.search(r"(?m)^kind:", document) for document in re.split(r"(?m)^---\n", text)[1:])


def test_the_notes_say_what_to_build_first() -> None:
    """The jobs in their order; none that is turned off, nor one that could not write its result."""
    said = notes("minimal")
    jobs = re.findall(r"--from=cronjob/shop-pinnersage-(\S+)", said)
    assert jobs == ["index-build", "calibrate", "batch"]
    fetched = notes("full")
    assert re.findall(r"--from=cronjob/shop-pinnersage-(\S+)", fetched) == ["index-build", "batch"]
    assert "model.toml has to be in s3:shop/data" in fetched
    assert "--from=cronjob" not in notes("minimal", "--set=indexBuild.enabled=false,batch.enabled=false")


def test_the_notes_say_what_a_shared_volume_needs() -> None:
    """Locks, by which old versions are collected; a pod's own disk has them."""
    assert "shop-pinnersage-artefact has to have file locks" in notes("minimal")
    assert "file locks" not in notes("full")


@pytest.mark.parametrize(
    ("case", "arguments"),
    [
        ("minimal", "-plaintext"),
        ("tls", f'{OVER_TLS} -H "authorization: Bearer $KEY"'),
        (
            "full",
            f'{OVER_TLS} -cert client.crt -key client.key -H "authorization: Bearer $KEY"',
        ),
    ],
)
def test_the_notes_say_how_to_call_it(case: str, arguments: str) -> None:
    """One command of grpcurl, with what these values ask callers for; by the name that callers use."""
    said = notes(case)
    assert "dns:///shop-pinnersage.feed.svc:50051" in said
    (command,) = re.findall(r"(?m)^  grpcurl ((?:.*\\\n)*.*)$", said)
    assert " ".join(command.replace("\\\n", " ").split()) == (
        f"{arguments} -import-path protos -proto pinnersage/v1/recommender.proto "
        """-d '{"user_id": "USER", "max_candidates": 10}' 127.0.0.1:50051 """
        "pinnersage.v1.Recommender/Recommend"
    )
    assert "-proto" not in notes(case, "--set=server.reflection=true")


@pytest.mark.parametrize(
    ("case", "more", "words"),
    [
        ("minimal", "", "Calls are in the clear, and anybody's whom networkPolicy.clients lets in"),
        ("minimal", "apiKeys.secretName=k", "Calls are in the clear (server.allowInsecure)"),
        ("minimal", "tls.secretName=t", "Calls are anybody's whom networkPolicy.clients lets in"),
        ("tls", "", ""),
        ("full", "", ""),
    ],
)
def test_the_notes_say_what_is_open(case: str, more: str, words: str) -> None:
    """Neither more nor less than what these values leave open."""
    found = re.findall(r"(?m)^Calls are .*$", notes(case, *([f"--set={more}"] if more else [])))
    assert found == (
        [f"{words}." if words.endswith(")") else f"{words} (server.allowInsecure)."] if words else []
    )
