"""The user in F&O that our application works as: enabled, with roles for all chosen companies, speaking English.

F&O refuses in the language of that user and without codes, so its texts are known in English only.
"""

from __future__ import annotations

from collections.abc import Iterator

from tasks.connectors import fno_environment
from tasks.connectors.fno_environment import FnoUser
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings

LANGUAGE = "en-us"
_USERS = "System administration > Users"


def fno_user(around: Surroundings) -> Iterator[Finding]:
    """What is wrong with that user."""
    client = around.live_fno.client
    name = around.settings.fno_user or fno_environment.user_of(client, around.settings.client_id)
    if name is None:
        yield Finding(
            "user_unknown",
            "note",
            "fno",
            around.settings.client_id,
            "to be told which user the application works as",
            "F&O doesn't show it",
            "set DUALFLOW_FNO_USER to the user's id (System administration > Setup > Microsoft Entra ID applications)",
        )
        return
    user = fno_environment.user(client, name)
    if user is None:
        yield Finding(
            "user_missing",
            "error",
            "fno",
            name,
            "a user of this id",
            "none",
            "map the application to a user that exists"
            " (System administration > Setup > Microsoft Entra ID applications), or correct DUALFLOW_FNO_USER",
        )
        return
    around.told["user in F&O"] = f"{user.id} ({user.language}; {', '.join(user.roles) or 'no role'})"
    yield from _user(user, around.companies)


def _user(user: FnoUser, chosen: tuple[str, ...]) -> Iterator[Finding]:
    if not user.enabled:
        yield Finding(
            "user_disabled", "error", "fno", user.id, "enabled", "disabled", f"enable the user ({_USERS})"
        )
    if user.language.lower() != LANGUAGE:
        yield Finding(
            "user_language",
            "warning",
            "fno",
            user.id,
            "language en-US",
            user.language or "none",
            f"set the language of the user to en-US ({_USERS} > User options): refusals come in this language and without"
            " codes, and are recognized in English",
        )
    if not user.roles:
        yield Finding(
            "user_roles",
            "error",
            "fno",
            user.id,
            "roles that reach the data entities of the maps",
            "none",
            f"assign roles to the user ({_USERS} > Roles)",
        )
        return
    limited = {code for role in user.roles for code in user.companies.get(role, ())}
    wider = sorted(limited - set(chosen)) if all(role in user.companies for role in user.roles) else []
    if wider and chosen:
        yield Finding(
            "user_company_wider",
            "note",
            "fno",
            user.id,
            f"roles for {', '.join(chosen)} alone",
            f"they reach {', '.join(wider)} too: rows of these companies are read and left aside",
            f"take the organizations from its roles ({_USERS} > Assign organizations), or leave it so",
        )
    for company in chosen:
        reaching = [role for role in user.roles if company in user.companies.get(role, {company})]
        if not reaching:
            yield Finding(
                "user_company",
                "error",
                "fno",
                company,
                f"a role of {user.id} that reaches company {company}",
                f"its roles are limited to {', '.join(sorted(limited))}: rows of {company} are left out of every read, unsaid",
                f"assign the organization to a role of the user ({_USERS} > Assign organizations),"
                " or take the company out of DUALFLOW_COMPANIES",
            )


CHECK = Check("user", "The application's user in F&O", fno_user, needs=("fno",))
