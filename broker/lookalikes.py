"""Which names there are, by what they look like: a new one must not be taken for one that somebody has.

Only a look-up beside the state: what looks like what is Unicode's to say, and changes with its versions. So it refuses
wishes, and never decides what an entry of the log amounts to. Two ASCII names are never held to look alike.
"""

from __future__ import annotations

from collections.abc import Iterable

from messages import InvalidName, fold, skeletons


class Lookalikes:
    """Nicks, and rooms with their '#', by their skeletons."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names: dict[str, tuple[str, ...]] = {}
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """There is this nick or room now; nothing new if there was."""
        for skeleton in _skeletons(name):
            others = self._names.get(skeleton, ())
            if name not in others:
                self._names[skeleton] = (*others, name)

    def remove(self, name: str) -> None:
        """The name is free again."""
        for skeleton in _skeletons(name):
            others = tuple(other for other in self._names.get(skeleton, ()) if other != name)
            if others:
                self._names[skeleton] = others
            else:
                self._names.pop(skeleton, None)

    def find(self, name: str, but: str = "") -> str:
        """Another name, not `but`, that a valid `name` can be taken for; empty: none."""
        same = {fold(name), fold(but)}
        for skeleton in _skeletons(name):
            for other in self._names.get(skeleton, ()):
                if not (name.isascii() and other.isascii()) and fold(other) not in same:
                    return other
        return ""


def _skeletons(name: str) -> set[str]:
    try:
        return skeletons(name)
    except InvalidName:  # of a time when the extra was installed; without it nobody can come by a name like this one
        return set()
