"""Colours can be read on light and on dark backgrounds, and a nick always has the same."""

from __future__ import annotations

import pytest
from rich.color import Color, ColorSystem

from client.console import palette, render

LEAST = 3.0  # contrast that WCAG asks of large text and of what has to be told from its surroundings
COLORS = sorted({*palette.NICKS, palette.CODE})


def contrast(one: Color, background: str) -> float:
    """The contrast of two colours as WCAG defines it, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(Color.parse(background))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: Color) -> float:
    parts = [part / 255 for part in color.get_truecolor()]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("background", ["#000000", "#ffffff"])
def test_every_colour_stands_out_from_black_and_from_white(color: str, background: str) -> None:
    assert contrast(Color.parse(color), background) >= LEAST


def test_yellow_on_white_and_dark_blue_on_black_would_be_noticed() -> None:
    """The negative control: what many terminals show as plain yellow and plain blue."""
    assert contrast(Color.parse("#cdcd00"), "#ffffff") < LEAST
    assert contrast(Color.parse("#0000ee"), "#000000") < LEAST


@pytest.mark.parametrize("color", COLORS)
def test_a_terminal_of_sixteen_colours_shows_a_colour_too(color: str) -> None:
    """Never black, white or grey, of which one is the background."""
    assert Color.parse(color).downgrade(ColorSystem.STANDARD).number not in {0, 7, 8, 15}


def test_colours_of_nicks_differ_from_each_other_and_are_all_in_use() -> None:
    assert len(set(palette.NICKS)) == len(palette.NICKS)
    assert {palette.nick_color(f"nick{number}") for number in range(200)} == set(palette.NICKS)


def test_a_nick_keeps_its_colour_in_every_spelling_and_from_run_to_run() -> None:
    assert render.nick_text("Bob").style == render.nick_text("bob").style
    assert palette.nick_color("alice") == palette.BLUE
