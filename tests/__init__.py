"""Tests: transcripts over a fake wire and clock; real sockets and processes only end to end."""
