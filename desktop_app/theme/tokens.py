"""Colour, space and type: the one place they are written down. The style sheet and the painters both read them."""

from __future__ import annotations

from dataclasses import dataclass

RADIUS = 6

SANS = "Inter"
MONO = "JetBrains Mono"
TEXT_SIZE = 13  # px
SMALL_SIZE = 12


@dataclass(frozen=True)
class Palette:
    """The colours of one theme. Text on any surface keeps a contrast of at least 4.5 : 1."""

    name: str
    canvas: str  # behind pictures
    panel: str
    control: str
    hover: str
    line: str
    outline: str  # of controls and the focus, 3 : 1 on the panel
    text: str
    text_soft: str
    text_faint: str
    accent: str
    on_accent: str
    ode: str  # blue, solid
    sde: str  # orange, dashed
    lane_1: str  # further lanes of one comparison (Okabe–Ito)
    lane_2: str
    lane_3: str
    danger: str


DARK = Palette(
    name="dark",
    canvas="#0d0f12",
    panel="#15181d",
    control="#20242b",
    hover="#2a2f38",
    line="#262b33",
    outline="#6b7482",
    text="#e9ebee",
    text_soft="#aab2bd",
    text_faint="#8a93a0",
    accent="#9488ff",
    on_accent="#0d0b22",
    ode="#56b4e9",
    sde="#e69f00",
    lane_1="#33c6a0",
    lane_2="#e08fbd",
    lane_3="#f0e442",
    danger="#ff7b72",
)

LIGHT = Palette(
    name="light",
    canvas="#eceef1",
    panel="#fbfbfc",
    control="#edeff2",
    hover="#e2e5ea",
    line="#d9dde3",
    outline="#868f9c",
    text="#15181d",
    text_soft="#4b535f",
    text_faint="#5f6875",
    accent="#5546d6",
    on_accent="#ffffff",
    ode="#0068a8",
    sde="#b35400",
    lane_1="#00785a",
    lane_2="#a84a80",
    lane_3="#7a6a00",
    danger="#b3261e",
)

THEMES = {palette.name: palette for palette in (DARK, LIGHT)}
