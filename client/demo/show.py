"""Plays the scenes: types at the console, has the others speak, and waits until the console shows what it is to show.

with Show((80, 24), screen.feed, speed=50) as show:
show.play("announcement")    # up to the end of the scene of that name; what it drew went to `screen.feed`
show.play()                  # the rest
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from random import Random
from types import TracebackType
from typing import Self

from ..language import _
from .pane import Pane
from .scenes import OTHERS, SCENES, TAKEN, Does, Pause, Returns, Runs, Says, Scene, Step, Types
from .stage import Stage, StageError, end

_KEY_SECONDS = (0.04, 0.11)  # between two keys
_THINK_SECONDS, _PER_LETTER_SECONDS, _LONGEST_SECONDS = 0.6, 0.025, 2.5  # that somebody needs to write something
_SHOWN_SECONDS = 5.0  # for what must be shown; then the play goes on without it
_RUN_SECONDS = 20.0  # for a program of the shell
_SETTLED_SECONDS = 0.5
_DOWN_SECONDS = 3.0  # from an admin's word until the broker is down


class Show:
    """One performance: a stage, and the console that one sees. `size` is in columns and rows, speed 1 a person's."""

    def __init__(
        self,
        size: tuple[int, int],
        output: Callable[[bytes], None],
        *,
        speed: float = 1.0,
        scenes: tuple[Scene, ...] = SCENES,
        env: Mapping[str, str] = os.environ,  # of everything that runs: says the language, the kind of terminal
        language: str | None = None,  # of the console; None: what `env` says
    ) -> None:
        self._size = size
        self._output = output
        self._speed = speed
        self._rest = iter(scenes)
        self._stage = Stage(env)
        self._console = ("-m", "client", "chat", TAKEN, *(() if language is None else ("--lang", language)))
        self._stack = ExitStack()
        self._random = Random(1)  # every performance is the same

    def __enter__(self) -> Self:
        """Set everything up, and wait until the console has asked for another nick; raises StageError."""
        with self._stack:
            self._stack.enter_context(self._stage)
            self._stage.come(TAKEN)
            self.pane = Pane(self._console, self._stage.hero_env, self._size, self._output)
            self._stack.callback(self.pane.close)
            for nick in OTHERS:
                self._stage.come(nick)
            self._await(TAKEN)
            self._stack = self._stack.pop_all()
        return self

    def play(self, until: str = "") -> None:
        """Play on, to the end of the scene of that name, or of the last; raises StageError when the console ends."""
        for scene in self._rest:
            for step in scene.steps:
                self._play(step)
            if scene.name == until:
                return

    def _play(self, step: Step) -> None:
        self.pane.listen()
        match step:
            case Pause(seconds=seconds):
                self._wait(seconds)
            case Types(text=text, enter=enter, shows=shows):
                self._type(text)
                if enter:
                    self.pane.listen()
                    self.pane.press("\r")
                    self._await(shows or text)
            case Says(who=who, to=to, text=text):
                self._wait(min(_THINK_SECONDS + len(text) * _PER_LETTER_SECONDS, _LONGEST_SECONDS))
                self._stage.who(who).send(to, text)
                self._await(text)
            case Does():
                self._do(step)
                self._await(step.who)
            case Returns():
                self._stage.start_broker()
            case Runs(program=program, arguments=arguments, shows=shows):
                running = self._stage.run(program, arguments)
                try:
                    self.pane.pump(_RUN_SECONDS, lambda: running.poll() is not None)
                finally:
                    end(running)
                self._await(shows)

    def _do(self, step: Does) -> None:
        if step.what == "come":
            self._stage.come(step.who)
            return
        person = self._stage.who(step.who)
        match step.what:
            case "join":
                person.join(step.text)
            case "away":
                person.away(step.text)
            case "down":
                person.down(_DOWN_SECONDS / self._speed, step.text)
                self._await(step.who)
                self._wait(_DOWN_SECONDS)

    def _type(self, text: str) -> None:
        for key in text:
            self.pane.press(key)
            self._wait(self._random.uniform(*_KEY_SECONDS))

    def _wait(self, seconds: float) -> None:
        self.pane.pump(seconds / self._speed)

    def _await(self, text: str) -> None:
        """Wait until something is shown, and the rest of what is to be drawn with it."""
        self.pane.pump(_SHOWN_SECONDS, lambda: self.pane.drew(text))
        self.pane.settle(_SETTLED_SECONDS)
        if (status := self.pane.process.poll()) is not None:
            text = _("The console of the demo ended before its time (exit code {status}).")
            raise StageError(text.format(status=status))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
