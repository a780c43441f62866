"""The promise of an answer: one Receipt per command. Knows nothing of sockets or of how the answer comes."""

from __future__ import annotations


class Receipt:
    """What became of one command. Cheap: it shares its client's lock and owns nothing but its command and answer."""

    __slots__ = ()

    @property
    def done(self) -> bool:
        """Whether the broker has answered, or never will."""
        raise NotImplementedError

    def wait(self, timeout: float | None = None) -> int:
        """Return the sequence under which the command was accepted (0 when it writes nothing to the log).

        Raises Rejected; TimeoutError after `timeout` seconds; Unreachable instead of it when no connection is up by
        then; Closed when the client was closed first. While the broker refuses the nick it raises that Rejected at
        once. After TimeoutError, Unreachable or such a refusal the command is still on its way: waiting again is fine.
        """
        raise NotImplementedError
