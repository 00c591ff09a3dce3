"""A local certificate authority, kept in the data folder so that a restart is still trusted."""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from pathlib import Path

import trustme

from mappings.errors import FatalError

AUTHORITY, AUTHORITY_KEY = "ca.pem", "ca.key"
SERVER, RECEIVER = "server.pem", "receiver.pem"
LOCAL = ("localhost", "127.0.0.1")
_NAME = re.compile(r"[A-Za-z0-9*][A-Za-z0-9.:*-]{0,252}")


def server_context(folder: Path) -> ssl.SSLContext:
    """TLS for the three services.

    Writes into the folder what is missing: ``ca.pem`` (to trust) with ``ca.key``, ``server.pem`` of the services and
    ``receiver.pem`` for who receives notifications on this machine (key and certificate each).
    """
    if not all((folder / name).exists() for name in (AUTHORITY, AUTHORITY_KEY, SERVER, RECEIVER)):
        authority = trustme.CA(organization_name="Dualflow sandbox")
        _write(folder / AUTHORITY_KEY, authority.private_key_pem)
        authority.cert_pem.write_to_path(str(folder / AUTHORITY))
        issue(folder, SERVER, LOCAL)
        issue(folder, RECEIVER, LOCAL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / SERVER)
    return context


def issue(folder: Path, name: str, hosts: Sequence[str]) -> Path:
    """A certificate of the folder's authority, with its key in one file.

    Args:
        name: of the file.
        hosts: names or addresses that it is for.

    Raises:
        FatalError: no host, or something that is none.
    """
    wrong = [host for host in hosts if not _NAME.fullmatch(host)]
    if wrong or not hosts:
        raise FatalError(f"no host name: {', '.join(wrong) or 'none given'}")
    key = (folder / AUTHORITY_KEY).read_bytes()
    authority = trustme.CA.from_pem((folder / AUTHORITY).read_bytes(), key)
    _write(folder / name, authority.issue_cert(*hosts).private_key_and_cert_chain_pem)
    return folder / name


def _write(file: Path, content: trustme.Blob) -> None:
    file.touch(mode=0o600)
    content.write_to_path(str(file))
    file.chmod(0o600)
