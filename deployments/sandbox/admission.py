"""Who is let in: what a service says to an application that it doesn't know, or whose user it doesn't serve."""

from __future__ import annotations

from deployments.sandbox.dataverse.errors import fault
from deployments.sandbox.messages import Caller, Response, ServiceFault, SideName, encode
from deployments.sandbox.store.store import Store
from deployments.sandbox.switches import Switches


def refusal(side: SideName, caller: Caller, switches: Switches, store: Store) -> Response | None:
    """What the application is told instead of an answer; None lets it in. Users are always let in."""
    if caller.name != "application":
        return None
    if side == "fno":
        known = switches.fno_registered and switches.fno_user_enabled
        # no word of why: nobody has been authenticated
        return None if known else Response(401)
    refused = _of_dataverse(caller, switches, store)
    if refused is None:
        return None
    return Response(refused.status, {"Content-Type": "application/json"}, encode(refused.body))


def _of_dataverse(caller: Caller, switches: Switches, store: Store) -> ServiceFault | None:
    if not switches.dataverse_member:
        return fault(403, "0x80072560", "The user is not a member of the organization.")
    user = store.dataverse("systemusers").rows.get(caller.user_id)
    if user is not None and user["isdisabled"]:
        text = f"The specified user(Id = {caller.user_id}) is disabled. Consider enabling this user."
        return fault(403, "0x80040225", text)
    if not switches.dataverse_roles:
        return fault(403, "0x80042F09", f"The user with id {caller.user_id} has not been assigned any roles.")
    return None
