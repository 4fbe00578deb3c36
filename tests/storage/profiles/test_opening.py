"""One URL names a profile store, and one that this version lacks is refused in a sentence."""

from pathlib import Path

import pytest

from storage.errors import NoVersionError, StoreUnavailableError
from storage.profiles.opening import open_online_writer, open_reader, profiles_folder


@pytest.mark.parametrize("url", ["/data/profiles", "file:///data/profiles"])
def test_a_folder_may_be_a_path_or_a_url(url: str) -> None:
    """Both name the same folder."""
    assert profiles_folder(url) == Path("/data/profiles")


def test_a_relative_folder_stays_relative() -> None:
    """As every other path on a command line."""
    assert profiles_folder("build/profiles") == Path("build/profiles")


@pytest.mark.parametrize("open_store", [open_reader, open_online_writer])
def test_a_store_of_another_kind_is_refused(open_store: object) -> None:
    """The password in the URL is not repeated."""
    assert callable(open_store)
    with pytest.raises(StoreUnavailableError) as refusal:
        open_store("redis://user:secret@host:6379/0")

    assert str(refusal.value) == (
        "profiles at redis://: this version has the embedded store only. Give a folder instead."
    )


def test_a_missing_batch_says_what_to_run(tmp_path: Path) -> None:
    """Through the one entrance that programs use."""
    with pytest.raises(NoVersionError, match="python -m profile_builder batch"):
        open_reader(str(tmp_path / "nothing"))
