"""Emoji as pins: ids one can type, titles one can see, and what refinement will find."""

import re

from demo.emoji.pins import EmojiPin, emoji_pins

ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.(un|minimally-)qualified(-\d)?)?")

Pins = dict[str, EmojiPin]


def test_every_emoji_is_a_pin_of_its_own(pins: Pins) -> None:
    """The world has 5,244 pins, with as many ids."""
    assert len(emoji_pins()) == len(pins) == 5_244


def test_ids_can_be_typed(pins: Pins) -> None:
    """An id is lower-case words and hyphens: it needs no quotes in a shell, nor in a URL."""
    assert [pin_id for pin_id in pins if not ID.fullmatch(pin_id)] == []


def test_an_id_is_the_name(pins: Pins) -> None:
    """Who knows an emoji's name knows its id."""
    assert pins["cat-face"].title == "🐱 cat face"
    assert pins["waving-hand-dark-skin-tone"].title == "👋🏿 waving hand dark skin tone"
    assert pins["cote-divoire"].title == "🇨🇮 Côte d’Ivoire"
    assert pins["nine-oclock"].title == "🕘 nine o’clock"
    assert pins["keycap-hash"].emoji == "#️⃣"
    assert pins["keycap-asterisk"].emoji == "*️⃣"


def test_a_tone_does_not_change_the_meaning(pins: Pins) -> None:
    """All skin tones of an emoji are embedded as the same words, also where two people have one each."""
    assert pins["waving-hand-medium-dark-skin-tone"].meaning == "waving hand"
    assert pins["kiss-man-man-dark-skin-tone-light-skin-tone"].meaning == "kiss man man"
    assert pins["dark-skin-tone"].meaning == "dark skin tone"


def test_unqualified_sequences_are_of_low_quality(pins: Pins) -> None:
    """1,272 sequences are unqualified or minimally qualified, and those alone are of low quality."""
    low = {pin_id for pin_id, pin in pins.items() if pin.quality < 0.5}
    assert low == {pin_id for pin_id in pins if "." in pin_id}
    assert len(low) == 243 + 1_029
    assert pins["red-heart"].quality == 1
    assert pins["red-heart.unqualified"].title == "❤ red heart"


def test_a_tone_is_never_older_than_the_plain_emoji(pins: Pins) -> None:
    """Refinement keeps the older of two twins, then the smaller id: the plain emoji stands for its tones."""
    for pin_id, pin in pins.items():
        plain = pins.get(re.sub(r"-(medium-)?(light|medium|dark)-skin-tone$", "", pin_id), pin)
        assert (plain.created_at_s, plain.pin_id) <= (pin.created_at_s, pin_id)
