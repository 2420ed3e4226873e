"""The operator's key, which opens the gateway, and the inner services' secret, in files that only their owner reads."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cli.environment import Environment, environment
from shared.errors import Forbidden, Refused
from shared.private_files import secret, write_private

if TYPE_CHECKING:  # most commands make no key
    from services.gateway.access.keys import (
        KeyRing,
    )
    from services.gateway.access.roles import (
        Role,
        Scope,
    )


async def make_operator_key(home: Path, mongo_url: str, database_prefix: str) -> None:
    """Make sure that `<home>/keys/operator` holds a key that the gateway knows."""
    from services.gateway.access.keys import (
        KeyRing,
    )
    from services.gateway.access.roles import (
        Role,
        Scope,
    )
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


def inner_secret(home: Path, given: Environment) -> str:
    """What inner services ask for: the given one, or the home's own, made at the first start."""
    if given.inner_secret is not None:
        return given.inner_secret.get_secret_value()
    return secret(home, "inner")


def key_header(home: Path | None = None) -> dict[str, str]:
    """What tells the gateway that an operator asks, where there is a key; without it, it says less."""
    try:
        return {"Authorization": f"Bearer {operator_key(home)}"}
    except Refused:
        return {}
