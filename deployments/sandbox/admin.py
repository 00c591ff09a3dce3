"""`/_sandbox/…` on the login port: what tests and the command line do to the sandbox. Loopback, no login."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from deployments.sandbox.certificates import issue
from deployments.sandbox.faults import fault_from, gate_from
from deployments.sandbox.load import Loader, words
from deployments.sandbox.messages import BadJson, Request, Response, ServiceFault, encode
from deployments.sandbox.sandbox import Sandbox
from deployments.sandbox.seed import seeds
from deployments.sandbox.store.store import Write
from mappings.errors import DualflowError, FatalError

PREFIX = "/_sandbox/"


class Admin:
    """The admin API.

    Args:
        stop: ends the process.
        folder: of the sandbox.
    """

    def __init__(self, sandbox: Sandbox, stop: Callable[[], None], folder: Path) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._stop = stop

    def handle(self, request: Request) -> Response:
        """Answer a request below /_sandbox/; errors are 400 with a message."""
        name, _, rest = request.path[len(PREFIX) :].partition("/")
        action = getattr(self, f"_{request.method.lower()}_{name.replace('-', '_')}", None)
        if action is None:
            return self._json(404, {"error": f"there is no {request.method} {request.path}"})
        try:
            if request.body.lstrip().startswith(b"["):
                request.body = b'{"%s": %s}' % (name.encode(), request.body)
            arguments = request.json() if request.body else {}
            return self._json(200, action(arguments, rest, request.options()))
        except ServiceFault as fault:
            self._sandbox.store.undo()
            return self._json(400, {"error": words(fault)})
        except (DualflowError, BadJson, KeyError, TypeError, ValueError) as error:
            self._sandbox.store.undo()
            text = f"missing {error}" if isinstance(error, KeyError) else str(error)
            return self._json(400, {"error": text})

    # state

    def _post_reset(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        self._sandbox.reset()
        return self.load_seed(given.get("seed") or "empty", int(given.get("size") or 0))

    def _post_seed(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        return self.load_seed(given["seed"], int(given.get("size") or 0))

    def load_seed(self, name: str, size: int) -> dict[str, Any]:
        """Fill both systems from a seed; what it holds is stored as it is written there, blanks included."""
        started = time.perf_counter()
        switches, loader = self._sandbox.switches, Loader(self._sandbox)
        counts: Counter[str] = Counter()
        trim, switches.normalize_trim = switches.normalize_trim, False
        try:
            with self._sandbox.notifications.muted():
                for side, entity_set, rows in seeds.rows(name, size):
                    counts[f"{side} {entity_set}"] += loader.load(side, entity_set, rows)
        finally:
            switches.normalize_trim = trim
        self._sandbox.store.writes.clear()
        self._sandbox.store.commit()
        gc.freeze()
        return {"seed": name, "rows": dict(counts), "seconds": round(time.perf_counter() - started, 3)}

    def _post_snapshot(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        self._sandbox.snapshots[given["name"]] = self._sandbox.store.snapshot()
        return {"name": given["name"]}

    def _post_restore(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        snapshot = self._sandbox.snapshots.get(given["name"])
        if snapshot is None:
            raise FatalError(
                f"no snapshot '{given['name']}'",
                remedy=f"there are {', '.join(self._sandbox.snapshots) or 'none'}",
            )
        self._sandbox.store.restore(snapshot)
        return {"name": given["name"]}

    def _post_load(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        loader = Loader(self._sandbox)
        count = loader.load(given["side"], given["set"], given["rows"])
        self._sandbox.store.commit()
        return {"rows": count}

    def _post_change(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        """The same change, or a delete, to every row that passes a filter, as a user."""
        loader = Loader(self._sandbox)
        count = loader.change(given["side"], given["set"], given.get("filter"), given.get("body"))
        self._sandbox.store.commit()
        return {"rows": count}

    def _post_edits(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        """Requests as a user; with `since` also what was written since that entry of the log, by whomever."""
        answers = {"answers": self._sandbox.edit(given["requests"])}
        if "since" in given:
            answers |= self._get_writes({}, "", {"since": str(given["since"])})
        return answers

    def _get_dump(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        side, _, name = rest.partition("/")
        table = self._sandbox.store.tables.get(("fno" if side == "fno" else "dataverse", name))
        if table is None:
            raise FatalError(f"no set '{name}' on {side}")
        identity = "" if side == "dataverse" else "#record"
        rows = [{identity: row_id, **row} if identity else row for row_id, row in table.rows.items()]
        if identity:
            for row in rows:
                row.pop("#version", None)
        return {"rows": rows, "deleted": len(table.tombstones)}

    def _get_sets(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        counts: dict[str, dict[str, int]] = {"fno": {}, "dataverse": {}}
        for (side, name), table in self._sandbox.store.tables.items():
            counts[side][name] = len(table.rows)
        return counts

    # feeds

    def _post_virtual(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        """Generate virtual tables of F&O in Dataverse, with change tracking unless `tracked` is false."""
        sandbox = self._sandbox
        sets = given.get("sets", "qualifying")
        made = sandbox.dataverse.virtual.generate(
            sandbox.rows, sandbox.callers["user"], sets, bool(given.get("tracked", True))
        )
        sandbox.store.commit()
        return {"generated": made}

    def _get_virtual(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        return self._sandbox.dataverse.virtual.catalogue()

    def _post_definitions(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        """Definition groups for exports: {name, entities, tracking}."""
        self._sandbox.packages.define(_list(given, "definitions"))
        return self._get_definitions({}, "", {})

    def _get_definitions(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        made = self._sandbox.packages.definitions.values()
        return {"definitions": [dataclasses.asdict(each) for each in made]}

    def _post_data_events(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        """Activate data events of F&O, with `replace` instead of those that are; below it: send again."""
        if rest == "resend":
            return self._resend("event", given)
        documents = _list(given, "data-events")
        self._sandbox.notifications.events.activate(documents, replace=bool(given.get("replace")))
        return self._get_data_events({}, "", {})

    def _get_data_events(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        active = self._sandbox.notifications.events.active.values()
        return {
            "active": [each.as_dict() for of_set in active for each in of_set],
            **self._deliveries("event"),
        }

    def _post_webhooks(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        """Send again what webhooks of Dataverse failed to deliver."""
        return self._resend("webhook", given)

    def _get_webhooks(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        return self._deliveries("webhook")

    def _get_deliveries(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        """What is still to be sent, and what became of the rest."""
        return self._sandbox.notifications.told()

    def _deliveries(self, kind: str) -> dict[str, Any]:
        deliveries = self._sandbox.notifications.deliveries
        return {
            "counts": deliveries.counted(kind),
            "pending": deliveries.pending,
            "errors": deliveries.failed(kind),
        }

    def _resend(self, kind: str, given: dict[str, Any]) -> Any:
        ids = given.get("ids")
        return {"sent": self._sandbox.notifications.deliveries.resend(kind, ids)}

    def _post_certificate(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        """A certificate of the sandbox's authority for a receiver, key included."""
        names = list(given["names"])
        return {
            "file": str(issue(self._folder, f"receiver-{names[0] if names else ''}.pem", names).resolve())
        }

    # behaviour

    def _post_switches(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        self._sandbox.switch(given)
        return self._sandbox.switches.as_dict()

    def _get_switches(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        return self._sandbox.switches.as_dict()

    def _post_faults(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        faults = [fault_from(document) for document in _list(given, "faults")]
        if given.get("replace", True):
            self._sandbox.faults.clear()
        self._sandbox.faults.extend(faults)
        return self._get_faults({}, "", {})

    def _get_faults(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        return {"faults": [dataclasses.asdict(fault) for fault in self._sandbox.faults]}

    def _post_gate(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        self._sandbox.gates.append(gate_from(given))
        return {"gates": len(self._sandbox.gates)}

    def _get_gate(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        return {"gates": [dataclasses.asdict(gate) for gate in self._sandbox.gates]}

    def _delete_gate(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        self._sandbox.gates.clear()
        return {}

    def _post_schema(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        """Change tables and columns, see `schema.alter`; until the next reset."""
        changes = _list(given, "schema")
        for change in changes:
            self._sandbox.alter(change)
        return {"changes": len(changes)}

    def _post_void_tokens(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        """Delta tokens of these tables (default: all) are void, as after a change of their metadata."""
        virtual = self._sandbox.dataverse.virtual.specs()
        tables = given.get("sets") or [*self._sandbox.schema.dataverse, *virtual]
        version = self._sandbox.store.next_version()
        self._sandbox.dataverse.tracking.voided.update(dict.fromkeys(tables, version))
        return {"sets": len(tables)}

    # what happened

    def _get_writes(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        since = int(options.get("since") or 0)
        writes = self._sandbox.store.writes[since:]
        if "caller" in options:
            writes = [write for write in writes if write.caller == options["caller"]]
        return {
            "count": len(self._sandbox.store.writes),
            "writes": [_written(write) for write in writes],
        }

    def _post_writes(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        """Begin a new write log; with `rows` its entries hold the stored rows, until the next reset."""
        self._sandbox.store.writes.clear()
        self._sandbox.store.log_rows = bool(given.get("rows"))
        return {"rows": self._sandbox.store.log_rows}

    def _get_trace(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        since = int(options.get("since") or 0)
        trace: Iterable[Any] = self._sandbox.trace.entries
        return {
            "count": self._sandbox.trace.count,
            "requests": [dataclasses.asdict(entry) for entry in trace if entry.seq > since],
        }

    def _get_stats(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        return {
            "cpu_seconds": time.process_time(),
            "requests": dict(self._sandbox.trace.requests),
            "writes": len(self._sandbox.store.writes),
            **self._sandbox.extra_stats(),
        }

    def _get_health(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        return {"ready": True}

    def _post_stop(self, given: dict[str, Any], rest: str, options: dict[str, str]) -> Any:
        self._stop()
        return {"stopping": True}

    @staticmethod
    def _json(status: int, answer: Any) -> Response:
        return Response(status, {"Content-Type": "application/json"}, encode(answer))


def _list(given: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = given.get(name, given)
    return value if isinstance(value, list) else [value]


def _written(write: Write) -> dict[str, Any]:
    """A log entry; annotations in the body are no fields."""
    fields = [name for name in write.fields if not name.startswith("@")]
    shown = {name: getattr(write, name) for name in Write.__slots__}
    return {**shown, "fields": fields}
