"""Which broker is meant and how its key is known; and the file in which keys are remembered, as ssh does with hosts.

    known.json   0600: endpoint → the broker's key, which also admits, and since when it is known
    known.lock   held for the moment of a change

A key that came with an invite is written down when the broker has welcomed us with it. From then on the address alone
is enough, and another key for that address is a matter for the person. The broker of this home tells its key in
broker/local.json, and needs no entry. Files only, no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from messages import (
    Address,
    Home,
    InvalidAddress,
    fingerprint_hash,
    key_fingerprint,
    key_text,
    parse_key,
    spell_fingerprint,
)

from .errors import WRONG_BROKER, NotConfigured, WrongBroker
from .files import locked, write_whole
from .language import N_, _

FROM_INVITE = N_("from its invite")  # how a key is known, in brackets behind a fingerprint
OF_THIS_HOME = N_("that of this home's own broker")


class Known(msgspec.Struct, frozen=True):
    """What is remembered of a broker."""

    key: str  # as key_text writes it
    since: datetime

    @property
    def date(self) -> str:
        """The day since which it is known, here."""
        return f"{self.since.astimezone():%Y-%m-%d}"

    @property
    def fingerprint(self) -> str:
        """The fingerprint of its key."""
        return key_fingerprint(parse_key(self.key))


class KnownBrokers:
    """The brokers that this home remembers."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def read(self) -> Mapping[str, Known]:
        """All that is remembered, by endpoint; raises NotConfigured when that cannot be read."""
        path = self._home.known
        try:
            entries = msgspec.json.decode(path.read_bytes(), type=dict[str, Known])
            for entry in entries.values():
                parse_key(entry.key)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, InvalidAddress) as error:
            text = _(
                "{path} cannot be read ({error}). Mend it, or remove it, and give each broker's invite once more."
            ).format(path=path, error=error)
            raise NotConfigured(text) from error
        return entries

    def get(self, address: Address) -> Known | None:
        """What is remembered of the broker at an address; raises NotConfigured when that cannot be read."""
        return self.read().get(_place(address))

    def check(self, address: Address) -> Known | None:
        """The same for an invite; raises NotConfigured when another key than the invite's is remembered."""
        known = self.get(address)
        if known is not None and address.key is not None and known.key != key_text(address.key):
            raise NotConfigured(
                _(
                    "The broker at {endpoint} is known by the fingerprint {fingerprint} since {date}, but that "
                    "of this invite is {key}, so nothing was sent: when its owner says that the new one is "
                    "right, run `confab trust INVITE`."
                ).format(
                    endpoint=address.endpoint,
                    fingerprint=known.fingerprint,
                    date=known.date,
                    key=key_fingerprint(address.key),
                )
            )
        return known

    def remember(self, address: Address) -> None:
        """Write down the key of a broker that has none yet; raises NotConfigured when that is not possible."""
        self._put(address, replace=False)

    def trust(self, address: Address) -> Known | None:
        """Write down a key whatever is there, and return that; raises NotConfigured when that is not possible."""
        return self._put(address, replace=True)

    def _put(self, address: Address, *, replace: bool) -> Known | None:
        if address.key is None:
            raise NotConfigured(
                _("There is no key in {endpoint}, so there is nothing to remember.").format(endpoint=address.endpoint)
            )
        path, place = self._home.known, _place(address)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with locked(path.with_suffix(".lock")):
                entries = self.read()
                before = entries.get(place)
                key = key_text(address.key)
                if before is None or (replace and before.key != key):
                    entry = Known(key, datetime.now(UTC).replace(microsecond=0))
                    content = msgspec.json.encode({**entries, place: entry})
                    write_whole(path, msgspec.json.format(content) + b"\n")
        except OSError as error:
            raise NotConfigured(
                _("{path} cannot be written: {error}.").format(path=path, error=error.strerror or error)
            ) from error
        return before


class Broker(msgspec.Struct, frozen=True):
    """Which broker is meant, and how its key is known."""

    address: Address
    source: str  # of its key, in words
    unknown_to: KnownBrokers | None = None  # where its key is still to be remembered

    def remember(self) -> str:
        """It has welcomed us: write its key down, unless it is known. Returns why that cannot be, a sentence."""
        try:
            if self.unknown_to is not None:
                self.unknown_to.remember(self.address)
        except NotConfigured as error:
            return _("The next start needs the invite again. {error}").format(error=error)
        return ""

    def mistaken_for(self, digest: bytes) -> WrongBroker | None:
        """Why the broker that goes by this fingerprint is another one; None if it is not."""
        if self.address.key is None or digest == fingerprint_hash(self.address.key):
            return None
        expected, found = key_fingerprint(self.address.key), spell_fingerprint(digest)
        advice = (
            _("Start that one again, or pass the other's invite with --broker.")
            if self.source == OF_THIS_HOME
            else _("When its owner says that this is right, run `confab trust` with its new invite.")
        )
        return WrongBroker(
            WRONG_BROKER,
            _(
                "The broker at {endpoint} is not the one you expect: its fingerprint should be {expected} ({source}), "
                "but it calls itself {found}. Nothing was sent to it. {advice}"
            ).format(
                endpoint=self.address.endpoint, expected=expected, source=_(self.source), found=found, advice=advice
            ),
        )


def _place(address: Address) -> str:
    """One name for one place: host names know no case, paths do."""
    return address.endpoint.lower() if address.endpoint.startswith("tcp://") else address.endpoint
