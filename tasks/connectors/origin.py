"""Where requests may go: one scheme, host and port. A token never leaves for another place, whoever names
it."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from mappings.errors import FatalError

_PORTS = {"https": 443, "http": 80}
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")


class Origin:
    """The configured root of a service.

    Args:
        setting: name of the setting that holds `root`, for error messages.
        root: https address below which the service lives.
    """

    def __init__(self, root: str, setting: str) -> None:
        self.root = root.rstrip("/") + "/"
        self.setting = setting
        try:
            scheme, host, port = _triple(self.root)
        except ValueError:
            scheme, host, port = "", "", 0
        if scheme != "https" or not host:
            raise FatalError(
                f"{root!r} is not an https address",
                code="invalid_url",
                remedy=f"set {setting} to the environment's address, such as https://name.example.com",
            )
        self.host = host
        self._triple = (scheme, host, port)
        self.path = urlsplit(self.root).path

    def absolute(self, url: str) -> str:
        """`url` as an address of this service; relative ones are below the root.

        Raises:
            FatalError: it leads to another scheme, host or port, or carries a user name.
        """
        # "//host" and backslashes are read differently by different parsers: refuse rather than guess
        absolute = url if "://" in url.split("?", 1)[0] else urljoin(self.root, url)
        try:
            same = _triple(absolute) == self._triple and "@" not in urlsplit(absolute).netloc
        except ValueError:
            same = False
        if not same or _UNSAFE.search(absolute):
            raise FatalError(
                f"an answer from {self.host} points to {_shown(url)}, which is not the configured service",
                code="foreign_address",
                remedy=f"check {self.setting}, and any proxy between here and {self.host}",
            )
        return absolute


def _triple(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)


def _shown(url: str) -> str:
    """Scheme and host only: the rest may hold values."""
    head = url.split("?", 1)[0]
    scheme, separator, rest = head.partition("://")
    return (
        _UNSAFE.sub("?", f"{scheme}{separator}{rest.partition('/')[0]}")[:200]
        if separator
        else "another path"
    )
