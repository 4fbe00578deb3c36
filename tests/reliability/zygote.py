"""A process that has imported everything and forks one child a case: a thousand deaths take a minute.

It reads a case a line (JSON: the name of an action, its arguments) and answers how its child ended. It runs
no thread and opens no file of ours, so that forking is safe here, as it is not where gRPC or FAISS works.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"}


class Zygote:
    """Runs actions in children of one process that has imported their module.

    Args:
        module: Where the actions are: functions of JSON values; an AssertionError in one is a failure here.
    """

    def __init__(self, module: str) -> None:
        command = [sys.executable, "-W", "ignore", "-m", __name__, module]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | _ALONE,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, action: str, *arguments: object) -> str:
        """How the child ended: what the action returned, or "signal 9"; raises what it asserted."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([action, *arguments]) + "\n")
        self._process.stdin.flush()
        ended: dict[str, str] = json.loads(self._process.stdout.readline())
        assert "failed" not in ended, ended["failed"]
        return ended["ended"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def _main(module_name: str) -> None:
    module = import_module(module_name)
    for line in sys.stdin:
        action, *arguments = json.loads(line)
        print(json.dumps(_in_child(getattr(module, action), arguments)), flush=True)


def _in_child(action: Callable[..., str], arguments: list[object]) -> dict[str, str]:
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        _act(action, arguments, sending)
    os.close(sending)
    with open(receiving) as answers:
        answer = answers.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"ended": f"signal {os.WTERMSIG(status)}"}
    return dict(json.loads(answer))


def _act(action: Callable[..., str], arguments: list[object], sending: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        answer = {"ended": action(*arguments)}
    except BaseException as error:
        answer = {"failed": f"{type(error).__name__}: {error}"}
    os.write(sending, json.dumps(answer).encode())
    os._exit(0)


if __name__ == "__main__":
    _main(sys.argv[1])
