"""The input line: keys, completion, what the prompt shows. Hands finished lines on; knows nothing of what they mean.

The prompt is one prompt_toolkit application that runs as long as the console: Enter hands the line on and empties the
buffer, so there is no moment between two prompts in which typed keys would land on the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import Output
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style

from messages import BODY_BYTES, EVERYONE, Code, fold, harmless

from . import actions, commands, emoji
from .shown import Refusal
from .talk import Talk
from .typed import Typed

_STYLE = Style.from_dict(
    {
        "prompt": "bold ansicyan",
        "prompt.direct": "bold ansimagenta",
        "prompt.away": "ansiyellow",
        "progress": "ansibrightblack",
    }
)


def make_prompt(
    talk: Talk, hand_on: Callable[[str], None], typed: Typed, source: Input, sink: Output
) -> PromptSession[str]:
    """The session whose one prompt lasts as long as the console."""
    session: PromptSession[str] = PromptSession(
        lambda: prompt_text(talk),
        multiline=True,
        rprompt=lambda: [("class:progress", talk.progress)],
        prompt_continuation=lambda width, line, wrapped: "" if wrapped else "… ".rjust(width),
        history=typed.lines,
        completer=Names(talk),
        complete_while_typing=False,
        complete_style=CompleteStyle.READLINE_LIKE,
        key_bindings=_keys(talk, hand_on),
        style=_STYLE,
        enable_suspend=True,
        erase_when_done=True,
        input=source,
        output=sink,
    )

    def drawn(app: Application[str]) -> None:
        if not talk.wants_nick:  # else it is no message, and must not come back as one
            typed.draft.change(session.default_buffer.text)

    session.app.after_render += drawn
    return session


def prompt_text(talk: Talk) -> StyleAndTextTuples:
    """Whom plain text goes to, and whether the broker is there."""
    if talk.wants_nick:
        return [("class:prompt.away", "nick › ")]
    where = "everyone" if talk.current == EVERYONE else harmless(talk.current)  # whose people choose their names
    if talk.away:
        return [("class:prompt.away", f"{where} (connecting…) › ")]
    return [("class:prompt.direct" if where.startswith("@") else "class:prompt", f"{where} › ")]


def _keys(talk: Talk, hand_on: Callable[[str], None]) -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        line = buffer.text
        if line.strip():
            buffer.append_to_history()
        buffer.reset()
        hand_on(line)

    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c")
    @keys.add("<sigint>")
    def _clear(event: KeyPressEvent) -> None:
        event.current_buffer.reset()
        talk.tell("Ctrl-C clears the line. To leave: /quit or Ctrl-D.")

    @keys.add(Keys.Vt100MouseEvent)
    def _no_mouse(event: KeyPressEvent) -> None:
        """What looks like a mouse, as ESC [31m does, is none: it was never asked for, and could not be read."""

    @keys.add("c-d")
    def _end(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.delete()
        else:
            talk.quit()

    @keys.add(Keys.BracketedPaste)
    def _paste(event: KeyPressEvent) -> None:
        text = event.data.replace("\r\n", "\n").replace("\r", "\n")
        size = len(text.encode(errors="surrogateescape"))
        if size > BODY_BYTES:  # told before it fills the line: there it could not even be read
            talk.show(Refusal(actions.too_long(size), Code.TOO_LONG))
        else:
            event.current_buffer.insert_text(text)

    return keys


class Names(Completer):
    """Completes commands, the nicks and rooms they take, at the start of a line the nick one speaks to, and emoji."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What the word before the cursor may become."""
        before = document.text_before_cursor
        *earlier, word = before.split(" ")
        for candidate in self._candidates(earlier, word):
            fits = fold(candidate).startswith(fold(word)) and candidate != word
            if fits and harmless(candidate) == candidate:  # else what the line shows would not be what it holds
                yield Completion(candidate, start_position=-len(word))
        for text, typed, listed in emoji.completions(before):
            yield Completion(text, start_position=-typed, display=listed)

    def _candidates(self, earlier: list[str], word: str) -> list[str]:
        if not earlier and word.startswith(("/", "-")):
            return [f"{name} " for name in commands.BY_NAME if name[0] in "/-"]
        people = sorted(nick for nick in self._talk.people.values() if not self._talk.is_me(nick))
        command = commands.BY_NAME.get(fold(earlier[0])) if len(earlier) == 1 else None
        takes = command.completes if command else "nothing"
        if takes == "command":
            return [name for name in commands.BY_NAME if name.startswith("/")]
        if takes in ("room", "target") and word.startswith("#"):
            return [f"{room} " for room in self._talk.chat.rooms]
        if takes in ("nick", "target"):
            return [f"@{nick} " if word.startswith("@") else f"{nick} " for nick in people]
        if not earlier and word:
            return [f"{nick}: " for nick in people]
        return [f"@{nick} " for nick in people] if word.startswith("@") else []
