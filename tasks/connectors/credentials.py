"""Tokens from Microsoft Entra: who we are, and how a token is kept fresh."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
from azure.identity import ClientSecretCredential

from mappings.errors import FatalError, RetriableError
from tasks.connectors.retry import THROTTLED, TRANSIENT, retry_after

DEFAULT_AUTHORITY = "https://login.microsoftonline.com"

# what it warns of is raised, and told by whoever catches it
logging.getLogger("azure.identity").setLevel(logging.ERROR)

_AADSTS = re.compile(r"AADSTS\d+")
_MARGIN = 300.0
_REMEDIES = {
    "AADSTS7000215": "the client secret is wrong: DUALFLOW_CLIENT_SECRET holds its value, not its id",
    "AADSTS7000222": "the client secret has expired: make a new one and set DUALFLOW_CLIENT_SECRET",
    "AADSTS700016": "unknown application in this tenant: check DUALFLOW_CLIENT_ID and DUALFLOW_TENANT_ID",
    "AADSTS90002": "the tenant is unknown: check DUALFLOW_TENANT_ID",
    "AADSTS500011": "Entra does not know this environment: check DUALFLOW_FNO_URL and DUALFLOW_DATAVERSE_URL",
}


class Token(NamedTuple):
    """An access token and when it ends, in seconds since 1970."""

    text: str
    expires: float


class Credential(Protocol):
    """Something that proves who we are."""

    @property
    def client_id(self) -> str:
        """Application id."""
        ...

    def token(self, scope: str) -> Token:
        """A fresh token. FatalError when refused, RetriableError when the endpoint can't answer now."""
        ...


class ClientSecret:
    """Client credentials of an app registration, see `client_secret`."""

    def __init__(
        self, tenant: str, client_id: str, secret: str, authority: str, verify: str | bool, timeout: float
    ) -> None:
        for name, value in (("TENANT_ID", tenant), ("CLIENT_ID", client_id), ("CLIENT_SECRET", secret)):
            if not value:
                raise FatalError(
                    "credentials are incomplete", code="credentials", remedy=f"set DUALFLOW_{name}"
                )
        if not authority.startswith("https://"):
            raise FatalError(
                f"the authority {authority} is not an https address",
                code="credentials",
                remedy=f"set DUALFLOW_AUTHORITY to {DEFAULT_AUTHORITY} or another https address",
            )
        self.client_id = client_id
        self._tenant = tenant
        self._secret = secret
        self._authority = authority
        self._verify = verify
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"ClientSecret(client_id={self.client_id!r})"

    def token(self, scope: str) -> Token:
        # a new credential each time: azure-identity would hand out its cached token, also one the service
        # refused; no retries of its own, since waiting belongs to one place (http.py)
        credential = ClientSecretCredential(
            self._tenant,
            self.client_id,
            self._secret,
            authority=self._authority,
            disable_instance_discovery=self._authority.rstrip("/") != DEFAULT_AUTHORITY,
            connection_verify=self._verify,
            connection_timeout=self._timeout,
            read_timeout=self._timeout,
            retry_total=0,
        )
        try:
            token = credential.get_token(scope)
        except AzureError as error:
            raise self._failure(error, scope) from None
        finally:
            credential.close()
        return Token(token.token, float(token.expires_on))

    def _failure(self, error: AzureError, scope: str) -> FatalError | RetriableError:
        text = str(error).replace(self._secret, "***")
        code = found.group() if (found := _AADSTS.search(text)) else ""
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return FatalError(
                f"the certificate of {self._authority} is not trusted",
                code="certificate",
                remedy="set DUALFLOW_CA_BUNDLE to the file with your certificate authority",
            )
        status, wait = _answer_behind(error)
        if not code and (status in THROTTLED | TRANSIENT or _unanswered(error)):
            return RetriableError(
                f"no token from {self._authority}: {text.splitlines()[0][:200]}",
                code="token_unavailable",
                retry_after=retry_after(wait, 0.0) if wait and wait.isdecimal() else None,
                status=status,
            )
        return FatalError(
            f"no token for {scope} from {self._authority}: {text.splitlines()[0][:300]}",
            code=code or "token_refused",
            remedy=_REMEDIES.get(code, "check tenant, client id, secret and the authority's address"),
            status=status,
        )


def _answer_behind(error: BaseException) -> tuple[int, str | None]:
    """Status and `Retry-After` of the answer behind an error; azure-identity wraps errors in errors."""
    for link in _chain(error):
        response = getattr(link, "response", None)
        if response is not None:
            return response.status_code, response.headers.get("Retry-After")
    return 0, None


def _unanswered(error: BaseException) -> bool:
    return any(isinstance(link, ServiceRequestError | ServiceResponseError) for link in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def client_secret(
    tenant: str,
    client_id: str,
    secret: str,
    authority: str = DEFAULT_AUTHORITY,
    verify: str | bool = True,
    *,
    timeout: float = 30.0,
) -> Credential:
    """Credentials of an app registration (client id and secret).

    Args:
        tenant: tenant id.
        authority: https address of the token endpoint; any but Microsoft's own is taken as it is, without
            asking Microsoft whether it exists (a sandbox, a national cloud).
        verify: True, or the file of a private certificate authority.
        timeout: seconds to connect, and to wait for an answer.
    """
    return ClientSecret(tenant, client_id, secret, authority, verify, timeout)


class Tokens:
    """The current token of one side: fetched when needed, renewed before it ends and after a 401.

    Args:
        fetched: called after each fetch (to count it).
    """

    def __init__(
        self,
        credential: Credential,
        scope: str,
        *,
        clock: Callable[[], float],
        fetched: Callable[[], None] = lambda: None,
    ) -> None:
        self._credential = credential
        self._scope = scope
        self._clock = clock
        self._fetched = fetched
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0

    def current(self) -> str:
        """A token that is good for a while yet."""
        with self._lock:
            if self._token is None or self._clock() >= self._renew_at:
                self._fetch()
            assert self._token is not None
            return self._token.text

    def renew(self, refused: str) -> None:
        """Replace the token that the service refused, unless another thread has done so."""
        with self._lock:
            if self._token is not None and self._token.text == refused:
                self._fetch()

    def _fetch(self) -> None:
        self._fetched()
        token = self._credential.token(self._scope)
        lifetime = token.expires - self._clock()
        self._token = token
        self._renew_at = token.expires - min(_MARGIN, max(0.0, lifetime) / 10)
