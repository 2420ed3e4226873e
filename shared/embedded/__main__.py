"""`python -m shared.embedded install`: fetch what the embedded servers need, so that later starts need no network."""

from __future__ import annotations

import asyncio
import sys

from shared.embedded import kafka
from shared.errors import AscuaError


def main(argv: list[str]) -> int:
    if argv != ["install"]:
        print("usage: python -m shared.embedded install", file=sys.stderr)  # noqa: T201
        return 2
    try:
        asyncio.run(kafka.train(kafka.install()))
    except AscuaError as error:
        print(error.sentence, file=sys.stderr)  # noqa: T201
        return 69
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
