"""How little of what is live may be left: an input that was cut short makes a whole version of little."""

from storage.errors import PublishError


def require_share(new: int, live: int, min_share: float, *, what: str, place: str) -> None:
    """Refuse to replace what is live by far less.

    Args:
        new: How many there would be.
        live: How many are live.
        min_share: Of those; 0 lets any number go.
        what: What is counted, for people.
        place: Where they are live, for people.

    Raises:
        PublishError: There would be fewer.
    """
    if new >= min_share * live:
        return
    raise PublishError(
        f"this version has {new:,} {what}, the live one in {place} has {live:,}, so it was not made live: "
        f"less than {min_share:g} of them would be left. Most likely its input was cut short: see that it "
        "holds all it should. If so many are to go, lower --min-share-of-live; 0 lets any number go."
    )
