"""`confab config`: shows the settings, and changes one. Its row of the table of subcommands."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from messages import find_home, harmless

from .exits import ACCEPTED
from .language import N_
from .subcommands import Subcommand, local

if TYPE_CHECKING:
    from .preferences import Setting
    from .settings import Settings


def _config(options: argparse.Namespace) -> int:
    from .console.chosen import Chosen
    from .console.looks import complaints
    from .oneshot import Out, remark
    from .preferences import all_settings, change, document, find, write

    path = find_home(options.home).settings
    out = Out(as_json=options.json)

    def line(text: str) -> None:
        """As it stands in the file, which came from who knows where; a pipe or a file gets it letter for letter."""
        out.line(harmless(text, lines=True) if out.terminal else text)

    def show(setting: Setting, settings: Settings) -> None:
        value = setting.of(settings)
        if out.as_json:
            fields = {"value": value, "default": setting.default, "help": setting.help}
            out.object({"name": setting.name, **fields})
        else:
            line("" if value is None else write(value).rstrip())

    if len(options.words) > 1:
        name, *words = options.words
        setting = find(name)
        settings = change(path, name, " ".join(words), complaints)
        if out.as_json or out.terminal:
            show(setting, settings)
        return ACCEPTED
    chosen = Chosen(path)
    settings = chosen.settings
    for text in chosen.complaints:
        remark(text)
    if options.words:
        show(find(options.words[0]), settings)
    elif out.as_json:
        for setting in all_settings():
            show(setting, settings)
    else:
        line(document(settings).rstrip())
    return ACCEPTED


CONFIG = {"config": Subcommand(N_("every setting; what one is; or change it"), "[SETTING [VALUE]]", local, _config)}
