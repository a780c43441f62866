"""The numbers both sides keep to, each with its unit and its reason. Knows nothing but numbers."""

from __future__ import annotations

PROTOCOL = 1  # the one version spoken; a Hello with another is told so
DEFAULT_PORT = 5577  # TCP and UDP

BODY_BYTES = 64 * 1024  # UTF-8 bytes of one message: long logs fit, a pasted file does not
FRAME_BYTES = 256 * 1024  # bytes of one frame: a few of the largest messages; larger ones cut the connection
BATCH_COMMANDS = 1024  # commands in one frame: some 100 KiB of short lines, and 2 ms of the broker's time
TITLE_BYTES = 256  # UTF-8 bytes of an announcement's title: one line of a wide terminal
REASON_BYTES = 512  # UTF-8 bytes of an away text or a reason
TOPIC_BYTES = 256  # UTF-8 bytes of a room's topic: as a title
NICK_LENGTH = 24  # characters: leaves room for the text on 80 columns
NICK_BYTES = 48  # UTF-8 bytes of the same: 24 Greek or Arabic letters, but only 16 Chinese ones, which take 32 columns
ROOM_LENGTH = 32  # characters after the '#'
ROOM_BYTES = 64  # UTF-8 bytes of the same
HISTORY_PAGE = 500  # most messages, or deeds, in one answer to History, Search or Audit
HISTORY_BYTES = 1024 * 1024  # and most bytes of their bodies, so that one answer stays a short write
SEARCH_WORDS = 32  # different words in one Search: a pasted sentence fits
TRACK_SEQS = 100  # messages in one Track
TRACKED = 1000  # messages that one session may track; the oldest are forgotten
RETRY_WINDOW = 10_000  # commands a device may have unanswered; older numbers are no longer looked up

PING_SECONDS = 10.0  # a heartbeat: a client that said or heard nothing for this long asks for a sign of life
SILENCE_SECONDS = 20.0  # who heard nothing for two heartbeats gives the connection up, on either side
TYPING_SECONDS = 6.0  # who is writing says so again within this long, or is taken to have stopped
LEASE_SECONDS = 30.0  # a session whose connection broke keeps its nick for this long: some attempts to come back
HELLO_SECONDS = 20.0  # a connection that has not said Hello by then is closed; its handshake may have had to queue
