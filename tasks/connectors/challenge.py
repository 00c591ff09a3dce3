"""The challenge: what a service says to a request without a token, which names the tenant that it belongs to.

Dataverse answers `401` with `WWW-Authenticate: Bearer authorization_uri=https://…/{tenant}/…`. F&O isn't documented to; where
it does, it is taken at its word.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import requests

from tasks.connectors.http import Client

_ADDRESS = re.compile(r'authorization_uri="?([^",\s]+)', re.IGNORECASE)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def tenant_of(client: Client) -> str | None:
    """Id of the tenant that a service belongs to, lower case; None if it doesn't tell, or doesn't answer."""
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
    except requests.RequestException:
        return None
    found = _ADDRESS.search(answer.headers.get("WWW-Authenticate", ""))
    named = urlsplit(found.group(1)).path.strip("/").split("/")[0] if found else ""
    return named.lower() if _GUID.fullmatch(named) else None
