"""A local certificate authority for localhost, kept in the data folder so that a restart is still trusted."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


def server_context(folder: Path) -> ssl.SSLContext:
    """TLS for the three services.

    Writes ``ca.pem`` (to trust) and ``server.pem`` (key and certificate) into the folder when missing.
    """
    authority, server = folder / "ca.pem", folder / "server.pem"
    if not (authority.exists() and server.exists()):
        issuer = trustme.CA(organization_name="Dualflow sandbox")
        issued = issuer.issue_cert("localhost", "127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(str(server))
        server.chmod(0o600)
        issuer.cert_pem.write_to_path(str(authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)
    return context
