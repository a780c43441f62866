"""`python -m torture.guided COUNT`: payloads led by what they reach in the codec, where atheris is installed.

atheris tells libFuzzer which branches of the codec a payload took, and what reached something new is mutated further,
beside what the grammar makes. Into msgspec's compiled code it does not see. A program of its own: a fault in compiled
code ends the process.
"""

from __future__ import annotations

import importlib
import importlib.util
import random
import subprocess
import sys
from inspect import isfunction
from typing import Any

import msgspec

from messages import AnyCommand, codec

from .brokers import TREE
from .decoding import SEED, Decoded
from .grammar import Grammar

GRAMMAR_SHARE = 0.3  # of the mutations: made anew
LONGEST = 4096  # bytes of a payload; the grammar alone makes the large ones
WITHIN_SECONDS = 1800.0


def installed() -> bool:
    """Whether atheris is there. It has wheels for Linux on x86-64 only, so nothing depends on it."""
    return importlib.util.find_spec("atheris") is not None


def decode(count: int) -> Decoded:
    """Have so many payloads decoded in a process of their own."""
    command = [sys.executable, "-m", "torture.guided", str(count)]
    done = subprocess.run(command, cwd=TREE, capture_output=True, timeout=WITHIN_SECONDS)
    if done.returncode:
        told = done.stderr.decode(errors="replace")[-2000:]
        return Decoded(problems=[f"the decoder's process ended with {done.returncode}: {told}"])
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Decoded)


def main(count: int) -> None:
    """Decode, and print what came of it as JSON."""
    atheris: Any = importlib.import_module("atheris")
    for each in vars(codec).values():
        if isfunction(each) and each.__module__ == codec.__name__:
            atheris.instrument_func(each)
    rng = random.Random(SEED)
    grammar = Grammar(rng, AnyCommand)
    found = Decoded()

    def mutate(frame: bytes, most: int, seed: int) -> bytes:
        rng.seed(seed)
        chance = rng.random()
        if chance < GRAMMAR_SHARE:
            return grammar.spoilt()[:most]
        return bytes(atheris.Mutate(frame, most) if chance < 0.6 else grammar.spoil(frame)[:most])

    options = [f"-atheris_runs={count}", f"-seed={SEED}", f"-max_len={LONGEST}"]
    atheris.Setup([sys.argv[0], *options], found.commands, custom_mutator=mutate)
    try:
        atheris.Fuzz()
    finally:  # it ends the process by itself
        print(msgspec.json.encode(found).decode(), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
