"""How each process of the server logs: all of them the same."""

from process.logs import NOBODY, configure_logs
from process.user_hashes import user_hash
from server.settings import ServerSettings


def configure(settings: ServerSettings, worker: str | None = None) -> None:
    """Set this process's log up; of several workers each line names its own, as metrics do."""
    hash_user = user_hash(settings.log_salt) if settings.log_salt else None
    configure_logs(
        log_format=settings.log_format,
        level=settings.log_level,
        hash_user=hash_user,
        said_by=NOBODY if worker is None else {"worker": worker},
    )
