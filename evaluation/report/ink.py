"""How every figure looks: matplotlib draws with stand-in colours, the page's style sheet gives the real ones.

A figure leaves here as SVG text whose colours are CSS variables and whose letters are text, so that one
drawing is readable in light, in dark and on paper, and can be searched and copied.
"""

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
import matplotlib.style
from matplotlib.figure import Figure

LABEL_SIZE = 9.5
_WHEN_DARK = "@media screen and (prefers-color-scheme: dark)"
_LETTERS = 'font-family: system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif'


class Ink(StrEnum):
    """A colour by its role; the value is the stand-in, the name is the variable in the style sheet."""

    TEXT = "#010101"
    MUTED = "#020202"
    RULE = "#030303"
    PAPER = "#040404"
    SINGLE = "#050505"
    SEVERAL = "#060606"
    FUSED = "#070707"
    ORACLE = "#080808"
    OTHER = "#090909"

    @property
    def variable(self) -> str:
        """The style sheet's name of the colour."""
        return f"var(--{self.name.lower()})"


# Told apart by readers who are colour-blind; 4.5 to 1 or more against the paper, as letters need.
LIGHT: Mapping[Ink, str] = MappingProxyType(
    {
        Ink.TEXT: "#1b1f24",
        Ink.MUTED: "#5f6872",
        Ink.RULE: "#e1e4e8",
        Ink.PAPER: "#ffffff",
        Ink.SINGLE: "#6e7681",
        Ink.SEVERAL: "#0068ad",
        Ink.FUSED: "#bf4a00",
        Ink.ORACLE: "#00795a",
        Ink.OTHER: "#96508a",
    }
)
DARK: Mapping[Ink, str] = MappingProxyType(
    {
        Ink.TEXT: "#e4e7eb",
        Ink.MUTED: "#9aa4ae",
        Ink.RULE: "#2c3238",
        Ink.PAPER: "#14171a",
        Ink.SINGLE: "#9aa4ae",
        Ink.SEVERAL: "#5cb3ee",
        Ink.FUSED: "#f3955a",
        Ink.ORACLE: "#3fc29b",
        Ink.OTHER: "#d498c8",
    }
)

_KINDS = {
    "single": Ink.SINGLE,
    "several": Ink.SEVERAL,
    "fused": Ink.FUSED,
    "oracle": Ink.ORACLE,
}

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.size": LABEL_SIZE,
    "text.parse_math": False,
    "text.color": Ink.TEXT.value,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": Ink.RULE.value,
    "axes.labelcolor": Ink.MUTED.value,
    "axes.labelsize": LABEL_SIZE,
    "axes.titlesize": LABEL_SIZE + 1,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": Ink.RULE.value,
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "xtick.color": Ink.RULE.value,
    "ytick.color": Ink.RULE.value,
    "xtick.labelcolor": Ink.MUTED.value,
    "ytick.labelcolor": Ink.MUTED.value,
    "xtick.labelsize": LABEL_SIZE,
    "ytick.labelsize": LABEL_SIZE,
    "ytick.major.size": 0,
}


@contextmanager
def drawing_style() -> Iterator[None]:
    """Draw in the report's style; matplotlib's own settings are as before afterwards."""
    with matplotlib.style.context(_STYLE):
        yield


def svg(figure: Figure, *, name: str, described: str) -> str:
    """The figure as an `<svg>` element for a page.

    Args:
        figure: Drawn within `drawing_style`.
        name: Unique on the page; marks the element and keeps its inner references apart from other figures'.
            Signs that do not belong in an id become dashes.
        described: What the figure shows, for readers who do not see it.
    """
    name = re.sub(r"[^\w-]+", "-", name)
    text = io.StringIO()
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": name}), warnings.catch_warnings():
        # The browser draws the letters, with its own fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(text, format="svg", metadata=no_metadata)
    return _for_a_page(text.getvalue(), name, described)


def colours() -> str:
    """The style sheet's colours: light everywhere, dark on a screen that is dark, light again on paper."""
    return f":root {{ {_defined(LIGHT)} }}\n{_WHEN_DARK} {{ :root {{ {_defined(DARK)} }} }}"


def standing_alone(element: str) -> str:
    """A drawing of `svg` as a file of its own, with its colours and letters in it."""
    style = f"<style>{colours()}\nsvg {{ {_LETTERS}; background: var(--paper) }}</style>"
    head, bracket, rest = element.partition(">")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}{bracket}{style}{rest}'


def _defined(palette: Mapping[Ink, str]) -> str:
    return " ".join(f"--{ink.name.lower()}: {colour};" for ink, colour in palette.items())


def _for_a_page(document: str, name: str, described: str) -> str:
    element = document[document.index("<svg") :]
    element = re.sub(r"<(style|metadata)\b.*?</\1>", "", element, flags=re.DOTALL)
    element = re.sub(r'<g id="[^"]*"', "<g", element)
    element = re.sub(r"font-family: [^;\"]*", "font-family: inherit", element)
    for ink in Ink:
        element = element.replace(ink.value, ink.variable)
    label = described.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return element.replace("<svg", f'<svg id="{name}" role="img" aria-label="{label}"', 1)


def ink_of(kind: str) -> Ink:
    """The colour of a kind of method, the same on every figure and in every table."""
    return _KINDS.get(kind, Ink.OTHER)
