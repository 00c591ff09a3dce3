"""The challenge: what a service says to a request without a token, which names the tenant that it belongs to.

Dataverse answers `401` with `WWW-Authenticate: Bearer authorization_uri=https://…/{tenant}/…`. F&O isn't documented to; where
it does, it is taken at its word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from tasks.connectors.http import Client

_ADDRESS = re.compile(r'authorization_uri="?([^",\s]+)', re.IGNORECASE)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a service says to a stranger.

    Attributes:
        answered: it said anything at all.
        tenant: id of the tenant that it belongs to, lower case; "" if it doesn't tell.
    """

    answered: bool
    tenant: str = ""


def challenge(client: Client) -> Challenge:
    """Ask a service something without a token."""
    try:
        answer = requests.get(
            client.origin.absolute(""),
            headers={"User-Agent": "Dualflow"},
            timeout=client.timeout,
            verify=client.verify,
            allow_redirects=False,
            # without one, an entry of ~/.netrc would be sent
            auth=lambda request: request,
        )
    except requests.exceptions.SSLError:
        return Challenge(True)
    except requests.RequestException:
        return Challenge(False)
    found = _ADDRESS.search(answer.headers.get("WWW-Authenticate", ""))
    named = urlsplit(found.group(1)).path.strip("/").split("/")[0] if found else ""
    return Challenge(True, named.lower() if _GUID.fullmatch(named) else "")
