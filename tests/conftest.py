"""What every test of the house shares: judged by its answer, not by how long it took, and never the last."""

import resource
import signal

from hypothesis import settings

settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")

# A test that cannot get enough, or a process that it started, fails by its own name: without a limit the
# kernel ends the whole run once the machine has no more. Files that are mapped do not count.
_LARGEST_BYTES = 6 << 30
resource.setrlimit(resource.RLIMIT_DATA, (_LARGEST_BYTES, resource.getrlimit(resource.RLIMIT_DATA)[1]))

# A shell without job control has what it starts with "&" ignore Ctrl-C, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
