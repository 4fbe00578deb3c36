"""A real Kafka for tests, one broker on loopback: `python -m tests.storage.events.kafka JARS COMMAND ...`.

The command runs beside it, told where it is by PINNERSAGE_TEST_KAFKA.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.ports import free_port
from tests.storage.events.streams import REAL_KAFKA_VARIABLE
from tests.waiting import wait_until

# It lives for minutes: no time to compile itself well.
_JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m")
_CLUSTER_ID = "A" * 22

_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={folder}/data
num.partitions=4
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


@contextmanager
def kafka(jars: Path) -> Iterator[str]:
    """HOST:PORT of a Kafka that makes topics when asked, as long as the block lasts.

    Args:
        jars: What tests/storage/events/tools/kafka.sh fetched.
    """
    with TemporaryDirectory(prefix="kafka-") as folder:
        port, settings = free_port(), Path(folder) / "kafka.properties"
        settings.write_text(_SETTINGS.format(port=port, controller=free_port(), folder=folder))
        java = (*_JAVA, "-cp", f"{jars}/*")
        format_disk = ("kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(settings))
        subprocess.run([*java, *format_disk], check=True, capture_output=True)
        log = Path(folder) / "kafka.log"
        with (
            log.open("wb") as out,
            subprocess.Popen(
                [*java, "kafka.Kafka", str(settings)], stdout=out, stderr=subprocess.STDOUT
            ) as broker,
        ):
            try:
                wait_until(lambda: _answers(f"127.0.0.1:{port}"), log.read_text)
                yield f"127.0.0.1:{port}"
            finally:
                broker.kill()


def _answers(address: str) -> bool:
    try:
        # Its own word on each refused connection is of no interest.
        return bool(
            AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=2).brokers
        )
    except KafkaException:
        return False


def main() -> int:
    """Run the command beside a Kafka; its exit status."""
    with kafka(Path(sys.argv[1])) as address:
        return subprocess.run(sys.argv[2:], env=os.environ | {REAL_KAFKA_VARIABLE: address}).returncode  # noqa: PLW1510


if __name__ == "__main__":
    sys.exit(main())
