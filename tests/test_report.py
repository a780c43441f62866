"""The report is true and the same in both languages: its excerpts, figures and pictures, its headings and links."""

from __future__ import annotations

import re
from collections import Counter
from textwrap import dedent, indent

import pytest

from screenshots.scenes import SCENES
from screenshots.words import WORDS

from .processes import TREE

REPORTS = {"en": TREE / "docs" / "report.md", "ru": TREE / "docs" / "report.ru.md"}
SOURCES = [
    path.read_text("utf-8") for package in ("broker", "client", "messages") for path in TREE.glob(f"{package}/**/*.py")
]
MEASURED = (TREE / "README.md").read_text("utf-8") + (TREE / "docs" / "reliability.md").read_text("utf-8")
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
FIGURE = re.compile(r"\d[\d.,]*")

each_report = pytest.mark.parametrize("language", REPORTS)


def text(language: str) -> str:
    return REPORTS[language].read_text("utf-8")


def sections(language: str) -> list[str]:
    """The report from heading to heading, each with its heading; code holds none of them."""
    prose = BLOCK.sub("", text(language))
    starts = [found.start() for found in HEADING.finditer(prose)]
    return [prose[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def targets(section: str) -> Counter[str]:
    """Where a section's links lead, whatever the language."""
    links = LINK.findall(section)
    return Counter(re.sub(r"\.(en|ru)\.svg$", ".svg", link).replace("report.ru.md", "report.md") for link in links)


def test_headings_are_parallel() -> None:
    """The same levels and numbers, in the same order."""
    english, russian = (
        re.findall(r"^(#+) ([\d.]*)", BLOCK.sub("", text(language)), re.MULTILINE) for language in REPORTS
    )
    assert english == russian


@pytest.mark.parametrize("index", range(len(sections("en"))), ids=lambda index: sections("en")[index].splitlines()[0])
def test_links_and_rows_are_parallel(index: int) -> None:
    english, russian = sections("en")[index], sections("ru")[index]
    assert targets(english) == targets(russian)
    assert len(re.findall(r"^\|", english, re.MULTILINE)) == len(re.findall(r"^\|", russian, re.MULTILINE))


@each_report
def test_excerpts_stand_in_the_code(language: str) -> None:
    """What is quoted is what runs, to the letter."""
    excerpts = [dedent(block) for _, kind, block in BLOCK.findall(text(language)) if kind == "python"]
    assert len(excerpts) > 4
    assert not [excerpt for excerpt in excerpts if not stands(excerpt)]


def stands(excerpt: str) -> bool:
    """Whether an excerpt stands in the code, however deep."""
    return any(indent(excerpt, " " * by) in source for source in SOURCES for by in range(0, 25, 4))


def test_code_blocks_are_the_same() -> None:
    english, russian = (BLOCK.findall(text(language)) for language in REPORTS)
    assert english == russian


def measured(language: str) -> list[str]:
    """The cells with figures of the table of what was measured."""
    [section] = [each for each in sections(language) if "`make torture" in each]
    return [row.split("|")[2] for row in section.splitlines() if row.startswith("| ")][1:]


def was_measured(figure: str) -> bool:
    """Whether a figure stands in the README's table or in docs/reliability.md."""
    return bool(re.search(rf"(?<![\d.,]){re.escape(figure)}(?!\d)", MEASURED))


def test_figures_are_those_that_were_measured() -> None:
    figures = [figure for cell in measured("en") for figure in FIGURE.findall(cell)]
    assert len(figures) > 8
    assert not [figure for figure in figures if not was_measured(figure)]


def test_control_what_was_not_measured_and_does_not_run_is_noticed() -> None:
    assert not was_measured("1,059,306")
    assert not was_measured("059,305")
    excerpt = next(dedent(block) for _, kind, block in BLOCK.findall(text("en")) if kind == "python")
    assert not stands(excerpt.replace("match", "switch"))
    assert targets("[a](b.md) ![c](d.en.svg)") != targets("[a](b.md) ![c](e.ru.svg)")


def test_figures_are_parallel() -> None:
    digits = [[re.sub(r"\D", "", cell) for cell in measured(language)] for language in REPORTS]
    assert digits[0] == digits[1]


@each_report
def test_every_picture_is_shown(language: str) -> None:
    """Every scene of `make screenshots` has its picture, in this language, with a text for who cannot see it."""
    for scene in SCENES:
        picture = f"images/{scene.__name__}.{language}.svg"
        assert re.search(rf"!\[[^\]]+\]\({picture}\)", text(language)), picture
        assert (TREE / "docs" / picture).exists()


def test_no_picture_is_left_over() -> None:
    """No picture of a scene that is played no more lies in docs/images."""
    made = {f"{scene.__name__}.{language}.svg" for scene in SCENES for language in WORDS}
    assert {path.name for path in (TREE / "docs" / "images").glob("*.??.svg")} == made
