"""The version this client tells the broker. A constant, because importlib.metadata costs a one-shot command 20 ms."""

__version__ = "0.1.0"
