"""Every emoji as a pin: an id a person can type, a title a person can see, a quality, an age."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from emoji import EMOJI_DATA, STATUS

QUALIFIED_QUALITY = 1.0
UNQUALIFIED_QUALITY = 0.1

# Sequences that some systems draw as plain text: the low quality of this world. All share the name of a
# qualified one.
_LOW_QUALITY = {
    STATUS["minimally_qualified"]: "minimally-qualified",
    STATUS["unqualified"]: "unqualified",
}

# When each emoji version was published (unicode.org/reports/tr51): of two twins, refinement keeps the older.
_PUBLISHED = {
    0.6: date(2010, 10, 11),
    0.7: date(2014, 6, 16),
    1: date(2015, 6, 9),
    2: date(2015, 11, 12),
    3: date(2016, 6, 3),
    4: date(2016, 11, 22),
    5: date(2017, 6, 20),
    11: date(2018, 5, 21),
    12: date(2019, 3, 5),
    12.1: date(2019, 10, 21),
    13: date(2020, 3, 10),
    13.1: date(2020, 9, 15),
    14: date(2021, 9, 14),
    15: date(2022, 9, 13),
    15.1: date(2023, 9, 12),
    16: date(2024, 9, 10),
    17: date(2025, 9, 9),
    18: date(2026, 9, 15),
}

SKIN_TONES = ("light", "medium-light", "medium", "medium-dark", "dark")
_SKIN_TONE_WORDS = re.compile(r"\b(?:medium-dark|medium-light|medium|dark|light) skin tone\b")

# Letters and digits make an id; these two would otherwise both vanish ("keycap #", "keycap *").
_SPELT_OUT = {"#": "hash", "*": "asterisk"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmojiPin:
    """One emoji sequence.

    Attributes:
        pin_id: Its name as one types it: "cat-face", "waving-hand-dark-skin-tone", "red-heart.unqualified".
        emoji: The sequence itself.
        name: Its English name: "cat face".
        quality: 1 for what every system draws, 0.1 for unqualified and minimally-qualified sequences.
        created_at_s: When its emoji version was published, Unix seconds UTC.
    """

    pin_id: str
    emoji: str
    name: str
    quality: float
    created_at_s: int

    @property
    def title(self) -> str:
        """What a person sees."""
        return f"{self.emoji} {self.name}"

    @property
    def meaning(self) -> str:
        """What is embedded: the name without its skin-tone words, so that tones are near-duplicates.

        A tone on its own ("dark skin tone") keeps its name.
        """
        return " ".join(_SKIN_TONE_WORDS.sub("", self.name).split()) or self.name


def emoji_pins() -> list[EmojiPin]:
    """Every emoji the installed `emoji` package knows, in its order."""
    pins: dict[str, EmojiPin] = {}
    for sequence, data in EMOJI_DATA.items():
        name = data["en"].strip(":").replace("_", " ")
        flaw = _LOW_QUALITY.get(data["status"])
        pin_id = next(free for free in _ids(name, flaw) if free not in pins)
        pins[pin_id] = EmojiPin(
            pin_id=pin_id,
            emoji=sequence,
            name=name,
            quality=UNQUALIFIED_QUALITY if flaw else QUALIFIED_QUALITY,
            created_at_s=_published_s(data["E"]),
        )
    return list(pins.values())


def _ids(name: str, flaw: str | None) -> Iterator[str]:
    """The ids a sequence may have, best first: several flawed sequences may share one name."""
    stem = _typed(name) + (f".{flaw}" if flaw else "")
    yield stem
    if flaw:
        yield from (f"{stem}-{n}" for n in range(2, 10))


def _typed(name: str) -> str:
    """The name in lower-case ASCII words joined by hyphens: "Côte d’Ivoire" is "cote-divoire"."""
    for sign, word in _SPELT_OUT.items():
        name = name.replace(sign, word)
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", letters))


def _published_s(version: float) -> int:
    return int(datetime.combine(_PUBLISHED[version], time(), UTC).timestamp())
