"""Tests: transcripts over a fake wire and clock; real sockets and processes only end to end."""

import os

os.environ["LC_ALL"] = "C.UTF-8"  # whoever runs them: in English
