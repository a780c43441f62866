"""What a shell learns from us: one exit code for each way a command can end. Knows errors, prints nothing."""

from __future__ import annotations

import os

from messages import Code, MessageError

from .errors import WRONG_BROKER, ClientError, NotConfigured, NotReached, Rejected, Unreachable, WrongSetting
from .language import _

ACCEPTED = 0
REJECTED = 1  # also anything unforeseen
USAGE = 2
NOBODY = 3  # nobody there to take it
UNREACHABLE = 4
TIMED_OUT = 5
NOT_ALLOWED = 6
NOT_REACHED = 7  # accepted, but not as far as was waited for: not to be sent again
INTERRUPTED = 130  # as shells report Ctrl-C

_BY_CODE: dict[str, int] = {
    Code.NO_SUCH_NICK: NOBODY,
    Code.NO_SUCH_ROOM: NOBODY,
    Code.NOT_ALLOWED: NOT_ALLOWED,
    Code.NOT_INVITED: NOT_ALLOWED,
    Code.MUTED: NOT_ALLOWED,
    Code.BANNED: NOT_ALLOWED,
    Code.KICKED: NOT_ALLOWED,
    WRONG_BROKER: UNREACHABLE,
}


def describe_bug(error: BaseException) -> str:
    """A sentence for what should never happen, with what its finder needs to report it."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "?"
    return _("This is a bug in confab: {name} at {where}: {error}").format(
        name=type(error).__name__, where=where, error=error
    )


def exit_code(error: BaseException) -> int:
    """The exit code for an error."""
    match error:
        case Rejected(code=code):
            return _BY_CODE.get(code, REJECTED)
        case Unreachable() | NotConfigured():
            return UNREACHABLE
        case NotReached():
            return NOT_REACHED
        case TimeoutError():
            return TIMED_OUT
        case MessageError() | WrongSetting():
            return USAGE
        case KeyboardInterrupt():
            return INTERRUPTED
    return REJECTED


def error_code(error: BaseException) -> str:
    """What `--json` calls an error: the broker's code, or one of ours."""
    match error:
        case Rejected(code=code):
            return code
        case NotReached():
            return "not_reached"
        case TimeoutError():
            return "timeout"
        case ClientError() | MessageError() | OSError():
            return type(error).__name__.lower()
    return "bug"
