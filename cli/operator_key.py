"""The operator's key, which opens the gateway: kept in a file that only its owner can read."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cli.environment import environment
from shared.errors import Forbidden, Refused

if TYPE_CHECKING:  # most commands make no key
    from services.gateway.access.keys import KeyRing, Role, Scope


async def make_operator_key(home: Path, mongo_url: str, database_prefix: str) -> None:
    """Make sure that `<home>/keys/operator` holds a key that the gateway knows."""
    from services.gateway.access.keys import KeyRing, Role, Scope
    from shared.mongo import Mongo

    mongo = Mongo(mongo_url, f"{database_prefix}_gateway")
    try:
        await kept_key(KeyRing(mongo), home / "keys" / "operator", Role.OPERATOR, Scope.OPERATE)
    finally:
        await mongo.stop()


async def kept_key(ring: KeyRing, path: Path, role: Role, scope: Scope) -> str:
    """The key in a file, while the gateway admits it; otherwise a new one, named as the file and kept there."""
    with suppress(Forbidden, FileNotFoundError):
        key = (await asyncio.to_thread(path.read_text)).strip()
        await ring.admit(key, scope)
        return key
    key = await ring.create(path.name, role)
    write_private(path, f"{key}\n")
    return key


def operator_key(home: Path | None = None) -> str:
    """ASCUA_KEY, or the operator's key of the home. Raises Refused when there is none."""
    given = environment()
    if given.key:
        return given.key
    path = (home or given.home).absolute() / "keys" / "operator"
    try:
        return path.read_text().strip()
    except OSError:
        raise Refused(
            "key-missing",
            f"there is no operator's key in {path}: set ASCUA_KEY; `ascua keys create` makes a key",
        ) from None


def key_header(home: Path | None = None) -> dict[str, str]:
    """What tells the gateway that an operator asks, where there is a key; without it, it says less."""
    try:
        return {"Authorization": f"Bearer {operator_key(home)}"}
    except Refused:
        return {}


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
