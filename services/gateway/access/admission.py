"""Who is let through the door, to what: keys asked for by routes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Holder,
    Scope,
)
from services.gateway.access.visits import current_visit, holder_of

_BEARER = HTTPBearer(auto_error=False, scheme_name="key", description="A key that `ascua keys create` makes.")


class Admission:
    """A dependency that lets through who has a key for `scope`: as a bearer token, or in the session of a page."""

    def __init__(self, keys: KeyRing, scope: Scope) -> None:
        self._keys = keys
        self._scope = scope

    async def __call__(self, request: Request, _: Annotated[object, Security(_BEARER)] = None) -> Holder:
        admitted: dict[Scope, Holder] = request.scope.setdefault("ascua.admitted", {})
        if self._scope not in admitted:
            admitted[self._scope] = await holder_of(request, self._keys, self._scope)
            if (visit := current_visit()) is not None:
                visit.admitted(admitted[self._scope])
        return admitted[self._scope]


def admit(keys: KeyRing, scope: Scope) -> Any:
    return Depends(Admission(keys, scope))


class KeyFirst(APIRoute):
    """A route that asks for the key before it reads the body: who may not come in is not listened to."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        asked = [each.call for each in self.dependant.dependencies if isinstance(each.call, Admission)]

        async def answer(request: Request) -> Response:
            for admission in asked:
                await admission(request)
            return await handle(request)

        return answer
