"""Plays the scenes in each language and saves what the terminals show: `python -m screenshots [SCENE ...]`."""

from __future__ import annotations

import shutil
import sys

from .scenes import SCENES
from .stage import TREE, NeverCameError, stage
from .words import WORDS


def main(names: list[str]) -> int:
    """Make these pictures, or all; returns the exit code."""
    scenes = {scene.__name__: scene for scene in SCENES}
    if missing := set(names) - scenes.keys():
        print(f"There is no scene {', '.join(sorted(missing))}; there are {', '.join(scenes)}.", file=sys.stderr)
        return 2
    if shutil.which("tmux") is None:
        print("The pictures need tmux, and there is none here.", file=sys.stderr)
        return 1
    for language, words in WORDS.items():
        for name in names or scenes:
            try:
                with stage(words) as on:
                    picture = scenes[name](on)
            except NeverCameError as error:
                print(f"{name}, {language}: {error}", file=sys.stderr)
                return 1
            path = picture.save(f"{name}.{language}")
            print(f"{path.relative_to(TREE)}: {picture.columns} columns")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
