"""Roles, from the least to the most: each may do what those before it may. Knows nothing but their order."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Role: TypeAlias = Literal["guest", "member", "announcer", "moderator", "admin", "owner"]  # from the least

ROLES: tuple[Role, ...] = get_args(Role)  # from the least to the most
_RANKS: dict[str, int] = {role: rank for rank, role in enumerate(ROLES)}


def rank(role: str) -> int:
    """How far up a role is, from 0; one that a newer broker knows counts as the least."""
    return _RANKS.get(role, 0)
