"""The console as a program: joins the client, the talk, the screen and the input line, and ends them in order.

The rich face needs a terminal on both sides, and has prompt_toolkit's input line. With a pipe, a file or a dumb
terminal, or where another face is asked for, lines are read plainly, so that a script can drive a console.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..client import Client
from ..exits import TIMED_OUT, UNREACHABLE
from ..language import _
from ..model import ClientEvent, Message
from .chosen import Chosen
from .commands import obey
from .editor import INTERRUPT, Editor, make_editor
from .program import obey_program
from .screen import Screen
from .shown import Bye, Caution, Unsent
from .talk import Talk

if TYPE_CHECKING:
    from prompt_toolkit.application import Application

Reader: TypeAlias = Callable[[Talk, asyncio.Event], Awaitable[None]]

FaceName: TypeAlias = Literal["rich", "linear", "json"]

AHEAD = 500  # items taken from the client and not yet drawn; more wait there, where memory is bounded
CLOSE_SECONDS = 2.0  # what is unanswered when leaving gets this long
PIPE_SECONDS = 10.0  # and this long when a script's input has ended: it may have come before the connection


def run(chat: Client, chosen: Chosen, face: FaceName | None = None) -> int:
    """Run a console on `chat`, as its person chose, until they leave; returns the exit code. Closes `chat`.

    Without a face the terminal decides: rich where it can do everything, else linear.
    """
    try:
        match face or ("rich" if _capable() else "linear"):
            case "rich":
                talking = _rich(chat, chosen)
            case "linear":
                talking = _linear(chat, chosen)
            case "json":
                talking = _programmed(chat, chosen)
        return asyncio.run(talking)
    finally:
        chat.close(0.0)


def _capable() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")


async def _rich(chat: Client, chosen: Chosen) -> int:
    """A terminal that can do everything."""
    from prompt_toolkit.input import create_input
    from prompt_toolkit.output.vt100 import Vt100_Output

    from . import render
    from .face_rich import RichFace
    from .prompt import make_prompt
    from .typed import Typed

    # Not asking the terminal where its cursor is: the answers of a slow one would land in the line.
    sink = Vt100_Output.from_pty(sys.stdout)
    sink.enable_cpr = False

    running: list[Application[str]] = []

    async def write(text: str) -> None:
        # Not run_in_terminal: it leaves raw mode for a moment, in which the terminal itself echoes what is typed.
        for app in running:
            app.renderer.erase()
        sink.write_raw(text)
        sink.flush()
        for app in running:
            app.render_counter += 1  # else what the input line shows is taken from its cache
            app.renderer.render(app, app.layout)  # at once: a burst must not show a screen without its input line

    terminal = render.terminal(chosen.looks, force_terminal=True)
    screen = Screen(RichFace(terminal, lambda: sink.get_size().columns, chosen), write)

    async def read(talk: Talk, over: asyncio.Event) -> None:
        typed = Typed(chat.slot, asyncio.get_running_loop().call_later, partial(_warn, talk), partial(_fail, talk))
        session = make_prompt(talk, partial(obey, talk), typed, create_input(), sink)
        prompting = asyncio.create_task(
            session.prompt_async(
                default=typed.draft.text, pre_run=lambda: running.append(session.app), set_exception_handler=False
            )
        )
        leaving = asyncio.create_task(over.wait())
        try:
            await asyncio.wait({prompting, leaving}, return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            if not prompting.done():
                session.app.exit(result="")
            await prompting
            running.clear()
        finally:
            await asyncio.get_running_loop().run_in_executor(None, typed.close)

    return await _converse(chat, screen, screen.show, read, chosen)


def _warn(talk: Talk, text: str) -> None:
    """Say, from any thread, what is wrong."""
    talk.post(partial(talk.show, Caution(text)))


def _fail(talk: Talk, error: Exception) -> None:
    """End the console, from any thread, by a bug."""
    talk.post(partial(talk.fail, error))


async def _programmed(chat: Client, chosen: Chosen) -> int:
    """A program on the other side. What it is told is written down at once, with the id of what it answers."""
    from .face_json import JsonFace

    face = JsonFace(ascii_only=sys.stdout.isatty())
    screen: Screen[str] = Screen(lambda lines: "".join(lines) or None, _write)
    read_lines = _plain_lines(obey_program)

    async def read(talk: Talk, over: asyncio.Event) -> None:
        face.status = lambda: talk.status
        await read_lines(talk, over)

    return await _converse(chat, screen, lambda *things: screen.show(face(things)), read, chosen)


async def _linear(chat: Client, chosen: Chosen) -> int:
    """A pipe, a file or a terminal that can do little: whole lines in, whole lines out."""
    from .face_linear import LinearFace

    face = LinearFace(terminal=sys.stdout.isatty(), chosen=chosen)
    editor = make_editor()
    if editor:
        screen = Screen(face, _write, held=partial(getattr, editor, "typing"))
        read = _edited_lines(editor, screen)
    else:
        screen, read = Screen(face, _write), _plain_lines(obey)
    return await _converse(chat, screen, screen.show, read, chosen)


async def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _edited_lines(editor: Editor, screen: Screen[Any]) -> Reader:
    """Read what a person types, and show nothing while a line stands there."""

    def take(talk: Talk, line: str) -> None:
        screen.wake()
        if INTERRUPT not in line:
            obey(talk, line)
        elif line == INTERRUPT:
            talk.tell(_("{clear} clears the line. To leave: /quit or {leave}.").format(clear="Ctrl-C", leave="Ctrl-D"))

    async def read(talk: Talk, over: asyncio.Event) -> None:
        with editor:
            asyncio.get_running_loop().add_signal_handler(signal.SIGCONT, editor.resume)
            await _plain_lines(take, editor.lines)(talk, over)
            asyncio.get_running_loop().remove_signal_handler(signal.SIGCONT)

    return read


def _plain_lines(take: Callable[[Talk, str], None], lines: Callable[[], Iterator[str]] | None = None) -> Reader:
    """Read line by line, as it comes: standard input, where nothing else is given."""

    async def read(talk: Talk, over: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, talk.quit)
        ended = asyncio.Event()
        work = partial(_read_lines, talk, take, (lines or _stdin_lines)(), ended.set)
        threading.Thread(target=work, name="confab-stdin", daemon=True).start()
        await _either(over, ended)
        loop.call_later(PIPE_SECONDS, talk.quit)
        await over.wait()

    return read


def _read_lines(talk: Talk, take: Callable[[Talk, str], None], lines: Iterator[str], ended: Callable[[], None]) -> None:
    """Hand the lines on until they end; then wait for their answers, and leave."""
    room = threading.BoundedSemaphore(AHEAD)

    def obeyed(line: str) -> None:
        take(talk, line)
        talk.answers.after(room.release)

    with contextlib.suppress(OSError):  # a terminal that was closed has no more lines either
        for line in lines:
            room.acquire()  # a script's lines wait in its pipe, not here
            talk.post(partial(obeyed, line))
    talk.post(ended)
    talk.post(partial(talk.answers.when_idle, talk.quit))


def _stdin_lines() -> Iterator[str]:
    """The lines of standard input. Not by sys.stdin: Python aborts when it ends while a thread waits in there."""
    parts: list[bytes] = []
    while data := os.read(0, 65536):
        *lines, rest = data.split(b"\n")
        for line in lines:
            yield b"".join([*parts, line]).decode(errors="surrogateescape")
            parts.clear()
        parts.append(rest)
    yield b"".join(parts).decode(errors="surrogateescape")


async def _either(*events: asyncio.Event) -> None:
    """Wait for the first of these."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for future in waiting:
        future.cancel()


async def _converse(
    chat: Client, screen: Screen[Any], show: Callable[..., None], read: Reader, chosen: Chosen | None = None
) -> int:
    """Run one talk from its first line to its last."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    room = threading.BoundedSemaphore(AHEAD)

    def post(work: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(work)
        except RuntimeError:  # the console is closed, and nobody is left to be told
            return

    def take(item: Message | ClientEvent) -> None:
        room.acquire()
        post(partial(happened, item))

    def happened(item: Message | ClientEvent) -> None:
        if talk.over and isinstance(item, Message):  # what is not shown is not read, and comes again
            room.release()
            return
        talk.happened(item)
        screen.when_drawn(partial(drawn, item))

    def drawn(item: Message | ClientEvent) -> None:
        room.release()
        if isinstance(item, Message):
            chat.mark_read(item)

    talk = Talk(chat, show, post, over.set, chosen)
    loop.set_exception_handler(lambda _, context: _failed(talk, context))
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, talk.quit)
    drawing = asyncio.create_task(screen.draw_forever())
    drawing.add_done_callback(lambda _: over.set())  # it ends by itself only when nothing can be written any more
    for text in talk.chosen.complaints:
        talk.show(Caution(text))
    listening = talk.start(take)
    await read(talk, over)
    await _leave(chat, talk, listening, screen, show, drawing)
    return talk.exit_code


def _failed(talk: Talk, context: dict[str, Any]) -> None:
    """A bug, in place of the traceback that asyncio would print over the screen."""
    talk.fail(context.get("exception") or RuntimeError(str(context.get("message"))))


async def _leave(
    chat: Client,
    talk: Talk,
    listening: threading.Thread,
    screen: Screen[Any],
    show: Callable[..., None],
    drawing: asyncio.Task[None],
) -> None:
    """Close the client and tell what became of the last lines; raises what kept the screen from being drawn."""
    connected = chat.connected
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, chat.close, CLOSE_SECONDS)
    await loop.run_in_executor(None, listening.join, CLOSE_SECONDS)  # so that nothing comes behind the goodbye
    told = asyncio.Event()
    talk.answers.after(told.set)
    with contextlib.suppress(TimeoutError):  # a closed client answers every receipt, so this does not happen
        await asyncio.wait_for(told.wait(), CLOSE_SECONDS)
    for waiting in talk.answers.unanswered():
        talk.exit_code = talk.exit_code or (TIMED_OUT if connected else UNREACHABLE)
        waiting.context.run(show, Unsent(waiting.line, waiting.receipt.kept))
    show(Bye(talk.exit_code))
    drained = asyncio.create_task(screen.drained())
    await asyncio.wait({drained, drawing}, return_when=asyncio.FIRST_COMPLETED)
    drained.cancel()
    if drawing.done():
        await drawing
    drawing.cancel()
