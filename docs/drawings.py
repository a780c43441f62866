"""Draws the pictures of docs/architecture.md: `python docs/drawings.py`. A test holds that they are what this draws.

Each is a dark card with light text, as the pictures of terminals are, so that it can be read on light and dark pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

IMAGES = Path(__file__).resolve().parent / "images"
CARD, PAPER, LINE, TEXT, FAINT = "#22272e", "#2d333b", "#768390", "#e6edf3", "#adbac7"
TEAL, AMBER, VIOLET = "#4db6ac", "#e0af68", "#b39ddb"  # a client's, the broker's, what is on disk
WIDTH, MARGIN, GUTTER, STEP = 880, 24, 84, 16  # pixels; STEP: between lines of small text

HOPS = (  # of one message: who does it, what, and where in the code
    (TEAL, "1  Console line → outbox", "/msg, text", "obey → Client.send → Session.submit"),
    (TEAL, "2  Outbox → broker", "numbered, batched, encrypted", "Outbox.launch → Link.send ═▶ Server._drain"),
    (AMBER, "3  Core proposes", "a retry? for whom?", "Core.receive → handle → say"),
    (VIOLET, "4  Log commits, core applies", "one transaction, one fsync", "Log.append → State.apply"),
    (
        AMBER,
        "5  Broker → recipient",
        "encoded once for many",
        "Outbound.frames → Server._flush ═▶ Inbox",
    ),
    (TEAL, "6  Console renders", "above the line being typed", "Client.stream → Talk.happened → Screen"),
)
TICK = (
    (AMBER, "drain", "all that has come,", "up to a bound"),
    (AMBER, "handle", "answer, refuse,", "or propose"),
    (VIOLET, "commit", "all proposed: one", "row, one fsync"),
    (AMBER, "apply", "change the state,", "queue deliveries"),
    (AMBER, "feed", "who is behind: a", "portion each"),
    (AMBER, "flush", "one frame each,", "answers first"),
)


def text(
    x: float, y: float, words: str, *, size: int = 13, fill: str = TEXT, bold: bool = False, middle: bool = False
) -> str:
    """One line of text; `y` is its base line."""
    anchor = ' text-anchor="middle"' if middle else ""
    weight = ' font-weight="700"' if bold else ""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{fill}"{weight}{anchor}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, colour: str) -> str:
    """A box with a coloured edge at its left."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" fill="{PAPER}" stroke="{LINE}"/>'
        f'<rect x="{x:g}" y="{y:g}" width="5" height="{height:g}" rx="2" fill="{colour}"/>'
    )


def arrow(*points: tuple[float, float], dashed: bool = False) -> str:
    """A line through these points, with a head at its end."""
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<polyline points="{path}" fill="none" stroke="{FAINT}" stroke-width="1.6"{dashes} marker-end="url(#head)"/>'
    )


def card(height: float, title: str, parts: Iterator[str]) -> str:
    """The whole picture; `title` is what somebody hears who does not see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        f'font-family="ui-sans-serif, system-ui, sans-serif">\n<title>{escape(title)}</title>\n'
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{FAINT}"/></marker></defs>\n'
        f'<rect width="{WIDTH}" height="{height:g}" rx="10" fill="{CARD}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def hops() -> Iterator[str]:
    """Down the sender's side, through the broker, and up at the recipient's: one row a hop."""
    height, gap = 58, 22
    for place, (colour, name, what, code) in enumerate(HOPS):
        y = MARGIN + place * (height + gap)
        yield box(MARGIN + 120, y, WIDTH - 2 * MARGIN - 120 - GUTTER, height, colour)
        yield text(MARGIN + 140, y + 24, name, size=15, bold=True)
        yield text(MARGIN + 140, y + 44, what, fill=FAINT)
        yield text(MARGIN + 412, y + 34, code, size=12, fill=colour)
        if place:
            yield arrow((MARGIN + 200, y - gap), (MARGIN + 200, y - 2))
    for first, last, side, colour in ((0, 1, "sender", TEAL), (2, 4, "broker", AMBER), (5, 5, "recipient", TEAL)):
        top, end = MARGIN + first * (height + gap), MARGIN + last * (height + gap) + height
        yield f'<rect x="{MARGIN}" y="{top}" width="100" height="{end - top}" rx="6" fill="none" stroke="{colour}"/>'
        yield text(MARGIN + 50, (top + end) / 2 + 5, side, size=14, fill=colour, bold=True, middle=True)
    middle = [MARGIN + place * (height + gap) + height / 2 for place in range(len(HOPS))]
    edge, turn = WIDTH - MARGIN - GUTTER, WIDTH - MARGIN - GUTTER / 2
    yield arrow((edge, middle[3]), (turn, middle[3]), (turn, middle[2] + 14), dashed=True)
    yield text(turn, middle[2] + 5, "accepted", size=12, fill=VIOLET, bold=True, middle=True)
    yield arrow((turn, middle[2] - 10), (turn, middle[1]), (edge + 2, middle[1]), dashed=True)


def tick() -> Iterator[str]:
    """A row of boxes, and the way back to the wait."""
    width, height, gap, top = 122, 84, 16, 64
    yield text(MARGIN, 38, "One tick: once for all that has come meanwhile", size=15, bold=True)
    for place, (colour, name, *lines) in enumerate(TICK):
        x = MARGIN + place * (width + gap)
        yield box(x, top, width, height, colour)
        yield text(x + 14, top + 26, name, size=15, fill=colour, bold=True)
        for row, line in enumerate(lines):
            yield text(x + 14, top + 46 + row * STEP, line, size=11, fill=FAINT)
        if place:
            yield arrow((x - gap, top + height / 2), (x - 2, top + height / 2))
    first, last = MARGIN + width / 2, MARGIN + 5 * (width + gap) + width / 2
    below = top + height + 40
    yield arrow((last, top + height), (last, below), (first, below), (first, top + height + 2))
    yield f'<rect x="{WIDTH / 2 - 190}" y="{below - 14}" width="380" height="28" fill="{CARD}"/>'
    yield text(WIDTH / 2, below + 5, "wait until there is input, or something is due", fill=FAINT, middle=True)
    yield text(MARGIN, below + 46, "commit fails: all of the tick is refused, nothing is changed", size=12, fill=VIOLET)


def log() -> Iterator[str]:
    """Segments from left to right, what was cut off, the snapshots above, a reader's cursor below."""
    top, height, widths = 120, 64, (126, 146, 120, 176, 132)
    entries = ("101–104", "105–131", "132", "133–190", "191–192")
    yield text(MARGIN, 38, "The log: one row a tick, each with a digest over the row before", size=15, bold=True)
    gone = f'rx="6" fill="none" stroke="{LINE}" stroke-dasharray="5 4"'
    yield f'<rect x="{MARGIN}" y="{top}" width="76" height="{height}" {gone}/>'
    yield text(MARGIN + 38, top + 28, "cut off,", size=11, fill=FAINT, middle=True)
    yield text(MARGIN + 38, top + 44, "digest kept", size=11, fill=FAINT, middle=True)
    x, edges = MARGIN + 76 + 14, []
    for width, entry in zip(widths, entries, strict=True):
        yield arrow((x, top + height / 2), (x - 13, top + height / 2))
        yield box(x, top, width - 14, height, VIOLET)
        yield text(x + 14, top + 26, entry, size=13, bold=True)
        yield text(x + 14, top + 46, "digest", size=11, fill=FAINT)
        edges.append(x)
        x += width
    for edge, name in ((edges[1], "base snapshot"), (edges[3], "newest snapshot")):
        yield text(edge - 7, 72, name, size=12, fill=AMBER, middle=True)
        yield arrow((edge - 7, 80), (edge - 7, top - 3))
    yield arrow((edges[3] - 7, 92), (x - 16, 92), dashed=True)
    yield text(edges[3] + 62, 86, "a start folds only this", size=11, fill=FAINT)
    yield arrow((edges[2] + 50, top + height + 44), (edges[2] + 50, top + height + 3))
    yield text(edges[2] + 62, top + height + 40, "a cursor: who is behind is fed from here on", size=12, fill=TEAL)
    yield text(MARGIN, top + height + 40, "before the cut: told as a gap", size=12, fill=FAINT)


def drawings() -> dict[str, str]:
    """Every picture by its file's name."""
    return {
        "six-hops.svg": card(506, "The six hops of one message, from a console to another", hops()),
        "tick.svg": card(270, "What the broker does in one tick", tick()),
        "log.svg": card(250, "Segments, snapshots and cursors of the log", log()),
    }


if __name__ == "__main__":
    for name, picture in drawings().items():
        (IMAGES / name).write_text(picture, "utf-8")
