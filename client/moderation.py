"""The part of Client that is for those with a role, and for owners of rooms. What may be refused is told in errors.

`who` is a nick, held now or last, or a key as `confab id show` prints it. What is given for `seconds` ends by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

from messages import (
    EVERYONE,
    Admit,
    Audit,
    AuditPage,
    Ban,
    Deed,
    Delete,
    Down,
    Event,
    Grant,
    Invite,
    Invited,
    InviteInfo,
    InviteList,
    Invites,
    Kick,
    Mute,
    Revoke,
    Role,
    Rule,
    RuleList,
    Rules,
    Stay,
    Transfer,
    Unban,
    Uninvite,
    Unmute,
    check_room,
)

from .check import plain
from .receipt import Numbered, Receipt

T = TypeVar("T", bound=Event)


class Moderation(ABC):
    """What Client can do for those with a role, or who own a room; each method names the role it wants.

    `who` is a nick, held now or last, or a key as `confab id show` prints it. `seconds` are how long it holds; None:
    for good. A reason has at most REASON_BYTES, and is shown. Most can be refused with not_allowed, no_such_nick or
    no_such_room, which Receipt.wait raises as Rejected.
    """

    @abstractmethod
    def _submit(self, command: Numbered) -> Receipt: ...

    @abstractmethod
    def _ask(self, question: Numbered, kind: type[T], timeout: float | None) -> T: ...

    @abstractmethod
    def _invite_with(self, token: str) -> str: ...

    def kick(self, who: str, reason: str = "", seconds: float | None = None) -> Receipt:
        """Moderator: end the sessions of whoever goes by a nick (or of a key), who may come again after `seconds`."""
        return self._submit(Kick(1, plain(who), plain(reason), seconds))

    def ban(self, who: str, reason: str = "", seconds: float | None = None) -> Receipt:
        """Moderator: kick, and refuse the key; or refuse an address or range. For so long, or for good."""
        return self._submit(Ban(1, plain(who), plain(reason), seconds))

    def unban(self, who: str) -> Receipt:
        """Moderator: let a banned person, address or range in again."""
        return self._submit(Unban(1, plain(who)))

    def mute(self, who: str, reason: str = "", seconds: float | None = None) -> Receipt:
        """Moderator: take nothing from a person that others would see. For so long, or for good."""
        return self._submit(Mute(1, plain(who), plain(reason), seconds))

    def unmute(self, who: str) -> Receipt:
        """Moderator: let a person speak again."""
        return self._submit(Unmute(1, plain(who)))

    def delete(self, seq: int, reason: str = "") -> Receipt:
        """Have a message shown to nobody any more: one's own, or as a moderator anybody's."""
        return self._submit(Delete(1, seq, plain(reason)))

    def grant(self, who: str, role: Role) -> Receipt:
        """Admin: give a person, or a key that was never here, a role below one's own (an owner: any)."""
        return self._submit(Grant(1, plain(who), role))

    def transfer(self, key: str, who: str = "") -> Receipt:
        """Give our registered nick, rooms and role to another key, or to who is here; as an admin anybody's."""
        return self._submit(Transfer(1, plain(who), plain(key)))

    def revoke(self, who: str = "", reason: str = "") -> Receipt:
        """Free our nick and give up registration and role; as an admin anybody's."""
        return self._submit(Revoke(1, plain(who), plain(reason)))

    def set_rule(
        self, name: str, value: str, where: str = EVERYONE, reason: str = "", seconds: float | None = None
    ) -> Receipt:
        """Set a rule of the broker ('*') or of a room; see PROTOCOL.md for which there are, who may, and which end."""
        return self._submit(Rule(1, plain(where), plain(name), plain(value), plain(reason), seconds))

    def rules(self, where: str = EVERYONE, timeout: float | None = 5.0) -> dict[str, str]:
        """The rules of the broker ('*') or of a room: each name with its value."""
        return dict(self._ask(Rules(1, plain(where)), RuleList, timeout).rules)

    def admit(self, room: str, who: str) -> Receipt:
        """Let somebody into a private room of ours; as an admin into any."""
        return self._submit(Admit(1, check_room(plain(room)), plain(who)))

    def expel(self, room: str, who: str) -> Receipt:
        """Put somebody out of a private room of ours, where they may not enter again; as an admin of any."""
        return self._submit(Admit(1, check_room(plain(room)), plain(who), False))

    def invite(
        self, role: Role = "member", uses: int = 1, seconds: float | None = None, timeout: float | None = 5.0
    ) -> tuple[str, int]:
        """Admin: make an invite for so many keys; returns it as it is passed on, and its number for `uninvite`."""
        made = self._ask(Invite(1, role, uses, seconds), Invited, timeout)
        return self._invite_with(made.token), made.invite

    def invites(self, timeout: float | None = 5.0) -> list[InviteInfo]:
        """Admin: the invites that are not used up."""
        return self._ask(Invites(1), InviteList, timeout).invites

    def uninvite(self, invite: int) -> Receipt:
        """Admin: withdraw an invite, by its number."""
        return self._submit(Uninvite(1, invite))

    def audit(self, limit: int = 50, before: int | None = None, timeout: float | None = 5.0) -> list[Deed]:
        """Moderator: what those with a role did, the latest last. `timeout` is for each page that is asked for."""
        deeds: list[Deed] = []
        while len(deeds) < limit:  # the broker looks at only so much for one page
            page = self._ask(Audit(1, limit - len(deeds), before), AuditPage, timeout)
            deeds, before = page.deeds + deeds, page.before
            if before is None:
                break
        return deeds

    def down(self, seconds: float = 0.0, reason: str = "") -> Receipt:
        """Admin: take the broker down after `seconds`."""
        return self._submit(Down(1, seconds, plain(reason)))

    def stay(self, reason: str = "") -> Receipt:
        """Admin: call off a `down` whose seconds are not over."""
        return self._submit(Stay(1, plain(reason)))
