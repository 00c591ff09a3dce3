"""The one place that sends requests: authentication, timeouts, retries, throttling, concurrency, counters,
logs.

What may be sent again is decided by the caller, in one word (`Resend`):

    always    reads, and writes that carry a version: a second one is refused by the service if the first
    one counted unread    everything else (creates): sent again only on proof that nothing was done, that is
    when no connection came about,
              or when the answer was 401, 429 or 503. A lost answer becomes `LostAnswer`, which the caller
              must settle.
"""

from __future__ import annotations

import logging
import random as random_numbers
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal, Protocol
from urllib.parse import urljoin

import msgspec
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from mappings.errors import FatalError, RetriableError
from tasks.connectors.concurrency import Gate
from tasks.connectors.credentials import Credential, Tokens
from tasks.connectors.fence import pass_all
from tasks.connectors.origin import Origin
from tasks.connectors.refusals import denied, request_id, service_error, shown_path
from tasks.connectors.requestlog import Kind, RequestLog
from tasks.connectors.retry import THROTTLED, TRANSIENT, Retries, never_left, retry_after
from tasks.connectors.side import ServiceError, SideName
from tasks.connectors.skew import Skew
from tasks.connectors.together import Together

logger = logging.getLogger(__name__)
# urllib3 notes whole addresses at this level, and filters and keys in them are values of rows
logging.getLogger("urllib3.connectionpool").addFilter(lambda record: record.levelno > logging.DEBUG)

Resend = Literal["always", "unread"]
OnRequest = Callable[[Kind, str, str], None]
"""Called with kind, method and shown path right before a request leaves; what it raises stops the request."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class LostAnswer(RetriableError):
    """A request may have been carried out, and nobody knows."""


class Unsent(RetriableError):
    """A request surely had no effect: no connection, or turned away unread until patience ran out."""


class OverBudget(Unsent):
    """Our own share of the service's limits is used up: nothing was sent, and nothing is to be before `retry_after`."""


class Allowance(Protocol):
    """What may be asked of the service; told of each request."""

    def take(self, operations: int) -> None:
        """Called before a request leaves; raises `OverBudget` where it must not."""
        ...

    def spent(self, seconds: float) -> None:
        """Called when it has been answered."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; `data` is its decoded body if a decoder was given."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    path: str
    data: Any = None


class _Bearer(AuthBase):
    """Sets our token; without an auth object requests would prefer an entry of ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Client:
    """Requests to one service.

    Args:
        origin: where the service is; nothing is ever sent elsewhere.
        scope: of the tokens.
        headers: sent with each request.
        verify: True, or the file of a private certificate authority.
        connections: most requests at once (`x-ms-dop-hint` can lower it).
        timeout: seconds to connect, seconds without a byte of the answer.
        clock, sleep, random: seconds since 1970, waiting, numbers in [0, 1).
        on_request: see `OnRequest`.
    """

    def __init__(
        self,
        side: SideName,
        origin: Origin,
        credential: Credential,
        scope: str,
        headers: Mapping[str, str],
        *,
        verify: str | bool = True,
        connections: int = 8,
        timeout: tuple[float, float] = (10.0, 120.0),
        retries: Retries | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = random_numbers.random,
        on_request: OnRequest | None = None,
    ) -> None:
        self.side: SideName = side
        self.origin = origin
        self.retries = retries or Retries()
        self.timeout = timeout
        self.gate = Gate(connections)
        self.log = RequestLog()
        self.skew = Skew()
        self.clock = clock
        self.random = random
        self._sleep = sleep
        self.verify = verify
        self._on_request = on_request
        self.allowance: Allowance | None = None
        self.together: Together | None = None
        """Where set, what several threads read or write at the same moment goes out as one."""
        self.looks = False
        """Where versions don't protect a row, each is read in the same batch right before it is written."""
        self._tokens = Tokens(credential, scope, clock=clock, fetched=lambda: self.log.note("token"))
        self._quiet_until = 0.0
        self._quiet = threading.Lock()
        self._session = requests.Session()
        self._session.headers.update(headers)
        # no affinity cookie: requests may spread over the service's servers, each with limits of its own
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0, pool_block=True)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def send(
        self,
        kind: Kind,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        resend: Resend = "always",
        decoder: msgspec.json.Decoder[Any] | None = None,
        operations: int = 1,
    ) -> Answer:
        """Send until there is an answer worth having.

        Args:
            operations: rows that it reads or writes one by one, as the service counts them for the day's limit.
            url: absolute or below the service's root, percent-encoded.
            decoder: for the body of a success; a body that it can't read counts as a lost answer.

        Returns: any answer but 401, 403, 429, 503 and (with `always`) 408, 5xx; a refusal of this very
            request is the caller's to judge.
        Raises:
            FatalError: access denied, certificate not trusted, redirected elsewhere.
            LostAnswer: the request may have been carried out.
            Unsent: it surely was not.
        """
        url = self.origin.absolute(url)
        path = shown_path(url)
        renewed = False
        redirects = 0
        attempt = 0
        while True:
            attempt += 1
            try:
                token = self._tokens.current()
                answer = self._once(kind, method, url, path, token, headers, body, decoder, operations)
            except (FatalError, OverBudget):
                raise
            except RetriableError as error:
                if isinstance(error, LostAnswer) and resend != "always":
                    raise
                self._wait_after(error, attempt, path)
                continue
            if answer.status == 401 and not renewed:
                renewed = True
                attempt -= 1
                self._tokens.renew(token)
            elif answer.status in (401, 403):
                raise denied(self.error_of(answer))
            elif answer.status in _REDIRECTS:
                redirects += 1
                url = self._redirected(answer, url, method, redirects)
            elif answer.status in THROTTLED or (answer.status in TRANSIENT and resend == "always"):
                self._wait_after(self._trouble(answer), attempt, path)
            elif answer.status in TRANSIENT and answer.status != 500:
                raise self._trouble(answer)
            else:
                return answer

    def error_of(self, answer: Answer) -> ServiceError:
        """The refusal in an answer."""
        return service_error(self.side, answer.status, answer.headers, answer.content, answer.path)

    def wait(self, attempt: int, asked: float | None) -> None:
        """Wait before something is tried again: as long as the service asked for, else by backoff.

        A wait that the service asked for holds for every request to it: the others would only lengthen it
            by pressing on.
        """
        if asked is None:
            self._sleep(self.retries.backoff(attempt, self.random))
            return
        with self._quiet:
            self._quiet_until = max(self._quiet_until, self.clock() + asked)

    def _once(
        self,
        kind: Kind,
        method: str,
        url: str,
        path: str,
        token: str,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        decoder: msgspec.json.Decoder[Any] | None,
        operations: int,
    ) -> Answer:
        with self._quiet:
            quiet = self._quiet_until - self.clock()
        if quiet > 0:
            self._sleep(quiet)
        with self.gate:
            if self.allowance is not None:
                self.allowance.take(operations)
            pass_all()
            if self._on_request is not None:
                self._on_request(kind, method, path)
            started = time.perf_counter()
            try:
                response = self._session.request(
                    method,
                    url,
                    data=body,
                    headers={**(headers or {}), "x-ms-client-request-id": str(uuid.uuid4())},
                    auth=_Bearer(token),
                    timeout=self.timeout,
                    verify=self.verify,
                    allow_redirects=False,
                )
                content = response.content
            except requests.RequestException as error:
                self._note(kind, method, path, 0, body, b"", started, "")
                raise self._failure(error, path) from None
            # lower-case names, as in the parts of a batch
            names = {name.lower(): value for name, value in response.headers.items()}
            self._note(kind, method, path, response.status_code, body, content, started, request_id(names))
            self.gate.hint(names.get("x-ms-dop-hint"))
            self.skew.note(names)
        data = None
        if decoder is not None and response.status_code == 200:
            try:
                data = decoder.decode(content)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise LostAnswer(
                    f"{self.side} answered {path} with a body that can't be read: {error}",
                    code="unreadable_answer",
                    side=self.side,
                    path=path,
                    request_id=request_id(names),
                ) from None
        return Answer(response.status_code, names, content, path, data)

    def _note(
        self,
        kind: Kind,
        method: str,
        path: str,
        status: int,
        body: bytes | None,
        content: bytes,
        started: float,
        service_id: str,
    ) -> None:
        seconds = time.perf_counter() - started
        if self.allowance is not None:
            self.allowance.spent(seconds)
        sent = len(body) if body else 0
        self.log.note(kind, sent=sent, received=len(content), seconds=seconds)
        logger.debug(
            "%s %s %s",
            method,
            path,
            status or "no answer",
            extra={
                "side": self.side,
                "kind": kind,
                "method": method,
                "path": path,
                "status": status,
                "sent": sent,
                "received": len(content),
                "seconds": round(seconds, 4),
                "request_id": service_id,
            },
        )

    def _failure(self, error: requests.RequestException, path: str) -> FatalError | RetriableError:
        """What a failure without an answer means."""
        text = str(error)
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return FatalError(
                f"the certificate of {self.origin.host} is not trusted",
                code="certificate",
                remedy="set DUALFLOW_CA_BUNDLE to the file with your certificate authority",
                side=self.side,
            )
        kind = Unsent if never_left(error) else LostAnswer
        what = "can't be reached" if kind is Unsent else "did not answer"
        return kind(
            f"{self.side} {what} ({path}): {type(error).__name__}",
            code="unreachable" if kind is Unsent else "lost_answer",
            remedy=f"check {self.origin.setting} and the network" if kind is Unsent else "",
            side=self.side,
            path=path,
        )

    def _trouble(self, answer: Answer) -> RetriableError:
        """An answer that may be another one next time."""
        error = self.error_of(answer)
        throttled = answer.status in THROTTLED
        wait = retry_after(answer.headers.get("retry-after"), self.clock())
        kind = Unsent if throttled else LostAnswer
        return kind(
            f"{self.side} answered {answer.path} with {error}",
            code="throttled" if throttled else "unavailable",
            retry_after=wait,
            side=self.side,
            path=answer.path,
            status=answer.status,
            service_code=error.code,
            request_id=error.request_id,
        )

    def _wait_after(self, error: RetriableError, attempt: int, path: str) -> None:
        """Wait before the next attempt, or raise `error` when there is none."""
        asked = error.retry_after
        throttled = error.code == "throttled"
        if throttled:
            self.log.count("throttled")
        if attempt >= self.retries.attempts or (asked or 0.0) > self.retries.longest:
            raise error
        self.log.count("retried")
        logger.warning(
            "%s, trying again",
            f"{self.side} throttles {path}" if throttled else error.message,
            extra={"side": self.side, "path": path, "attempt": attempt, "wait": asked, "code": error.code},
        )
        self.wait(attempt, asked)

    def _redirected(self, answer: Answer, url: str, method: str, redirects: int) -> str:
        """Where a read goes on; only within the service, and not for ever."""
        target = self.origin.absolute(urljoin(url, answer.headers.get("location", "")))
        if method != "GET" or redirects > 3 or target == url:
            raise FatalError(
                f"{self.side} redirects {method} {answer.path} to {shown_path(target)}",
                code="redirected",
                remedy=f"set {self.origin.setting} to the address that the service itself uses",
                side=self.side,
                status=answer.status,
            )
        return target
