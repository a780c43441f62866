"""The input line: keys, completion, what the prompt shows. Hands finished lines on; knows nothing of what they mean.

The prompt is one prompt_toolkit application that runs as long as the console: Enter hands the line on and empties the
buffer, so there is no moment between two prompts in which typed keys would land on the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache, partial

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application, get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, is_done
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import DynamicKeyBindings, KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import ConditionalContainer, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import DynamicStyle, Style

from messages import BODY_BYTES, EVERYONE, Code, fold, harmless

from ..language import _
from ..settings import Keys as Chosen
from . import actions, commands, emoji, setting, status, watch
from .apart import Apart
from .keys import spoken, usable
from .looks import Looks
from .shown import Refusal
from .talk import Talk
from .terminal import prompt_style
from .themes import ROLES
from .typed import Typed

LINE_ROLES = frozenset(role for role in ROLES if role.startswith(("prompt", "progress", "status")))
REFRESH_SECONDS = 5.0  # between two looks at what changes with time alone, in the status line


def make_prompt(
    talk: Talk, hand_on: Callable[[str], None], typed: Typed, source: Input, sink: Output
) -> PromptSession[str]:
    """The session whose one prompt lasts as long as the console."""
    bindings = lru_cache(maxsize=1)(partial(_keys, talk, hand_on))
    session: PromptSession[str] = PromptSession(
        lambda: prompt_text(talk),
        multiline=True,
        rprompt=lambda: [("class:progress", talk.chosen.looks.own(talk.progress))],
        prompt_continuation=lambda width, line, wrapped: "" if wrapped else talk.chosen.looks.own("… ").rjust(width),
        history=typed.lines,
        completer=Names(talk),
        input_processors=[Apart(lambda mark: talk.chosen.looks.own(mark))],
        complete_while_typing=False,
        complete_style=CompleteStyle.READLINE_LIKE,
        key_bindings=DynamicKeyBindings(lambda: bindings(talk.chosen.settings.keys)),
        style=DynamicStyle(lambda: _style(talk.chosen.looks)),
        color_depth=ColorDepth.DEPTH_8_BIT if talk.chosen.looks.color else None,
        refresh_interval=REFRESH_SECONDS,
        enable_suspend=True,
        erase_when_done=True,
        input=source,
        output=sink,
    )

    session.default_buffer.accept_handler = partial(_send, hand_on=hand_on)  # else some other key ends the prompt
    # Not as `bottom_toolbar`: that waits for the terminal to tell where its cursor is, which it is not asked.
    below = Window(FormattedTextControl(lambda: toolbar(talk, sink.get_size().columns)), dont_extend_height=True)
    rows = HSplit([session.layout.container, ConditionalContainer(below, ~is_done)])
    session.app.layout = session.layout = Layout(rows, session.layout.current_window)
    line = typed.draft.text
    asked = False  # for a nick, in the place of what was being written

    def drawn(app: Application[str]) -> None:
        nonlocal line, asked
        text = session.default_buffer.text
        if asked and not talk.wants_nick and not text.startswith(typed.draft.text):
            text = typed.draft.text + text  # which comes back now, in front of what was typed since
            session.default_buffer.document = Document(text)
            app.invalidate()
        asked = talk.wants_nick
        if not talk.wants_nick:  # else it is no message, and must not come back as one
            typed.draft.change(text)
        if text != line:
            line = text
            talk.typed(commands.written_for(talk, text))

    session.app.after_render += drawn
    return session


def prompt_text(talk: Talk) -> StyleAndTextTuples:
    """Whom plain text goes to, and whether the broker is there."""
    own = talk.chosen.looks.own
    if talk.wants_nick:
        return [("class:prompt_away", own(_("nick") + " › "))]
    where = _("everyone") if talk.current == EVERYONE else harmless(talk.current)  # whose people choose their names
    if talk.away:
        return [("class:prompt_away", own(_("{where} (connecting…)").format(where=where) + " › "))]
    return [("class:prompt_direct" if where.startswith("@") else "class:prompt", own(f"{where} › "))]


def toolbar(talk: Talk, width: int) -> StyleAndTextTuples:
    """How things stand, below the line."""
    looks = talk.chosen.looks
    return [(style, looks.own(text)) for style, text in status.rows(talk.overview, width, looks.body)]


@lru_cache(maxsize=1)
def _style(looks: Looks) -> Style:
    roles = {role: look for role, look in looks.roles if role in LINE_ROLES}
    return Style.from_dict({role: prompt_style(look, color=looks.color is not False) for role, look in roles.items()})


def _send(buffer: Buffer, hand_on: Callable[[str], None]) -> bool:
    """Hand the line on and empty it; the buffer need do no more, which True tells it."""
    line = buffer.text
    if line.strip():
        buffer.append_to_history()
    buffer.reset()
    hand_on(line)
    return True


def _keys(talk: Talk, hand_on: Callable[[str], None], chosen: Chosen) -> KeyBindings:
    """The keys that were chosen; added last, so that they go before what else these keys do."""
    keys, pressed = KeyBindings(), usable(chosen)
    empty = Condition(lambda: not get_app().current_buffer.text)

    @keys.add("c-d", filter=empty)
    @keys.add(Keys.Vt100MouseEvent)
    def _nothing(event: KeyPressEvent) -> None:
        """What would end this one prompt, and what looks like a mouse, as ESC [31m does: none was ever asked for."""

    @keys.add(*pressed["next"])
    def _next(event: KeyPressEvent) -> None:
        watch.next_unread(talk, [])

    @keys.add("c-c")
    @keys.add("<sigint>")
    @keys.add(*pressed["clear"])
    def _clear(event: KeyPressEvent) -> None:
        if event.current_buffer.text:  # that it is gone is seen; a sentence each time would bury what others said
            event.current_buffer.reset()
            return
        clear, leave = spoken(pressed["clear"]), spoken(pressed["leave"])
        talk.tell(_("{clear} clears the line. To leave: /quit or {leave}.").format(clear=clear, leave=leave))

    @keys.add(*pressed["send"])
    def _enter(event: KeyPressEvent) -> None:
        _send(event.current_buffer, hand_on)

    @keys.add(*pressed["newline"])
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add(*pressed["leave"], filter=empty)
    def _end(event: KeyPressEvent) -> None:
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
        for text, typed, listed in emoji.completions(before, glyphs=self._talk.chosen.looks.emoji):
            yield Completion(text, start_position=-typed, display=listed)

    def _candidates(self, earlier: list[str], word: str) -> list[str]:
        if not earlier and word.startswith(("/", "-")):
            return [f"{name} " for name in commands.BY_NAME if name[0] in "/-"]
        people = sorted(nick for nick in self._talk.people.values() if not self._talk.is_me(nick))
        command = commands.BY_NAME.get(fold(earlier[0])) if len(earlier) == 1 else None
        takes = command.completes if command else "nothing"
        if takes == "command":
            return ["keys", *(name for name in commands.BY_NAME if name.startswith("/"))]
        if takes == "setting":
            return setting.names(self._talk)
        if len(earlier) > 1 and earlier[0] == "/set":
            return setting.values(self._talk, earlier[1])
        if takes in ("room", "target") and word.startswith("#"):
            return [f"{room} " for room in self._talk.chat.rooms]
        if takes in ("nick", "target"):
            return [f"@{nick} " if word.startswith("@") else f"{nick} " for nick in people]
        if not earlier and word:
            return [f"{nick}: " for nick in people]
        return [f"@{nick} " for nick in people] if word.startswith("@") else []
