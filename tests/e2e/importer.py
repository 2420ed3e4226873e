"""An import as a process that can be killed: GATEWAY KEY FILE ROWS-IN-A-PIECE; its account is on stdout."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from cli.imports.mapping_parser import load_mapping
from cli.imports.run import run
from tests.e2e.histories import mapping_of


def main() -> None:
    gateway, key, file, piece_rows = sys.argv[1:]
    account = asyncio.run(
        run(
            Path(file),
            load_mapping(mapping_of(Path(file))),
            gateway,
            key,
            quiet=0.0,
            piece_rows=int(piece_rows),
        )
    )
    sys.stdout.write(account.model_dump_json())


if __name__ == "__main__":
    main()
