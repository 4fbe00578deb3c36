"""How each process of the server logs: all of them the same."""

from process.logs import configure_logs
from process.user_hashes import user_hash
from server.settings import ServerSettings


def configure(settings: ServerSettings) -> None:
    """Set this process's log up."""
    hash_user = user_hash(settings.log_salt) if settings.log_salt else None
    configure_logs(log_format=settings.log_format, level=settings.log_level, hash_user=hash_user)
