"""What every test of the house shares: judged by its answer, not by how long it took, and never the last."""

import resource
import signal

from hypothesis import HealthCheck, settings

# How long an example takes to run, or to draw, says something of the machine and nothing of the code.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples every time: what passes once passes until the code changes. Whoever looks for others
# asks for them by --hypothesis-profile=explore.
settings.register_profile("same", _UNTIMED, derandomize=True)
settings.register_profile("explore", _UNTIMED, derandomize=False, max_examples=1_000)
settings.load_profile("same")

# A test that cannot get enough, or a process that it started, fails by its own name: without a limit the
# kernel ends the whole run once the machine has no more. Files that are mapped do not count.
_LARGEST_BYTES = 6 << 30
resource.setrlimit(resource.RLIMIT_DATA, (_LARGEST_BYTES, resource.getrlimit(resource.RLIMIT_DATA)[1]))

# A shell without job control has what it starts with "&" ignore Ctrl-C, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
