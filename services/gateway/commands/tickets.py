"""A ticket of somebody who may be no lead yet."""

from __future__ import annotations

from typing import Any

from services.gateway.clients import Upstreams
from shared.commands.leads import LeadForm
from shared.commands.tickets import ORIGIN, OpenTicket, OpenTicketForm
from shared.errors import Refused
from shared.events.leads import Channel
from shared.ids import derived_id


async def open_ticket(upstreams: Upstreams, form: OpenTicketForm, key: str | None) -> Any:
    """Open a ticket; a person who is no lead yet is captured first, once for each key.

    Raises `Refused("whose-ticket")` when neither a lead nor a person is said, or both are.
    """
    lead_id = form.lead_id
    if (lead_id is None) == (form.person is None):
        raise Refused("whose-ticket", "say whose it is: lead_id, or the person who is no lead yet")
    if lead_id is None:
        person = LeadForm(
            at=form.at and form.at.isoformat(),
            profile=form.person,
            channel=form.channel or Channel.WEB,
            origin=ORIGIN,
        )
        own = derived_id("person", key) if key else None
        lead_id = (await upstreams.call("leads", "POST", "/leads", person, own))["id"]
        upstreams.remember(lead_id)
    else:
        await upstreams.must_exist(lead_id)
    command = OpenTicket.model_validate({**form.model_dump(exclude={"person"}), "lead_id": lead_id})
    return await upstreams.call("tickets", "POST", "/tickets", command, key)
