"""The safeguards that the soak takes out, as they have to be taken out where requests really leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest

from tasks.sync.cases import Case, Work
from tasks.sync.engine import Engine
from tests.engine import mutants


def any_version(kind: str) -> Callable[[], AbstractContextManager[None]]:
    """Writes of a kind go out with If-Match: *; the clients, which refuse that, let them."""

    @contextmanager
    def switched() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            prepare = Engine.prepare

            def prepared(self: Engine, cases: Sequence[Case], *, bulk: bool = False) -> Work:
                work = prepare(self, cases, bulk=bulk)
                for send in work.sends:
                    if send.operation.kind == kind:
                        send.operation = replace(send.operation, version="*")
                return work

            patch.setattr(Engine, "prepare", prepared)
            for side in ("dataverse", "fno"):
                patch.setattr(f"tasks.connectors.{side}.check_versions", lambda operations: None)
            yield

    return switched


MUTANTS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    **mutants.MUTANTS,
    "no_version_on_update": any_version("update"),
    "no_version_on_delete": any_version("delete"),
}
"""Name → what switches it on."""
