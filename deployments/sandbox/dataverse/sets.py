"""Requests for many rows of a table: pages, deltas, counts."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from deployments.sandbox.dataverse import errors, functions
from deployments.sandbox.dataverse.access import Access
from deployments.sandbox.dataverse.annotations import Annotator
from deployments.sandbox.dataverse.query import MAX_PAGE, Shape, check_options
from deployments.sandbox.dataverse.tracking import Tracking
from deployments.sandbox.messages import Request, Response
from deployments.sandbox.schema.model import DataverseTable


class Sets:
    """Reads of whole tables."""

    def __init__(self, access: Access, tracking: Tracking) -> None:
        self._access = access
        self.reader = access.reader
        self.store = access.store
        self.switches = access.switches
        self.root = access.root
        self.tracking = tracking

    def read(self, request: Request, spec: DataverseTable) -> Response:
        self._access.allow(request, spec, "Read")
        options, preferences = request.options(), request.preferences()
        check_options(options)
        if "$apply" in options:
            return functions.apply(
                options, self.reader, spec, self._access.caller(request), self._access.json
            )
        size = MAX_PAGE
        applied = []
        if preferences.get("odata.maxpagesize", "").isdigit():
            size = max(1, min(MAX_PAGE, int(preferences["odata.maxpagesize"])))
            applied.append(f"odata.maxpagesize={size}")
        shape = self.reader.shape(spec, options.get("$select"), options.get("$expand"))
        annotator = self._access.annotator(spec, preferences, applied)
        token = options.get("$deltatoken")
        if token is not None:
            self.tracking.check(spec, options)
            self._access.rights.check_all("Read", spec, self._access.caller(request))
            return self._delta(request, spec, options, shape, token, size, annotator)
        tracked_from = self._tracked_from(options)
        if "odata.track-changes" in preferences or tracked_from is not None:
            self.tracking.check(spec, options)
            self._access.rights.check_all("Read", spec, self._access.caller(request))
            applied.append("odata.track-changes")
            tracked_from = self.store.version if tracked_from is None else tracked_from
        caller = self._access.caller(request)
        ids = self.reader.matching(spec, options.get("$filter"), options.get("$orderby"), caller, options)
        answer: dict[str, Any] = {
            "@odata.context": f"{self.root}/$metadata#{spec.set}({shape.context})".replace("()", "")
        }
        if options.get("$count") == "true":
            answer["@odata.count"] = min(len(ids), MAX_PAGE)
        top = options.get("$top")
        if top is not None and "odata.maxpagesize" not in preferences:
            if not top.isdigit():
                raise errors.query(f"Invalid value '{top}' for $top.")
            ids, size = ids[: int(top)], max(1, min(MAX_PAGE, int(top)))
        found, following = self.reader.page(spec, ids, options, size)
        answer["value"] = self.reader.project(found, shape, annotator)
        if following is not None:
            if tracked_from is not None:
                following = following.replace(" />", f' tracked="{tracked_from}" />')
            answer["@odata.nextLink"] = self._link(spec, options, "$skiptoken", following)
        elif tracked_from is not None:
            onward = self.tracking.token(tracked_from)
            answer["@odata.deltaLink"] = self._link(spec, options, "$deltatoken", onward)
        headers = {"Preference-Applied": ",".join(applied)} if applied else {}
        return self._access.json(answer, headers)

    def _tracked_from(self, options: dict[str, str]) -> int | None:
        """The version at which a tracked read of several pages began."""
        match = re.search(r'tracked="(\d+)"', options.get("$skiptoken", ""))
        return int(match.group(1)) if match else None

    def _delta(
        self,
        request: Request,
        spec: DataverseTable,
        options: dict[str, str],
        shape: Shape,
        token: str,
        size: int,
        annotator: Annotator | None,
    ) -> Response:
        if request.part and not self.switches.tracking_in_batch:
            raise errors.query("Change tracking isn't supported in a batch.")
        rows, stones, following, onward = self.tracking.changes(spec, token, size)
        caller = self._access.caller(request)
        rows = [row for row in rows if self.reader.visible(spec, row, caller)]
        value: list[Any] = self.reader.project(rows, shape, annotator)
        context = f"{self.root}/$metadata#{spec.set}/$deletedEntity"
        value += [{"@odata.context": context, "id": stone.id, "reason": "deleted"} for stone in stones]
        listed = f"({shape.context})" if shape.context else ""
        answer: dict[str, Any] = {
            "@odata.context": f"{self.root}/$metadata#{spec.set}{listed}/$delta",
        }
        if following is not None:
            answer["@odata.nextLink"] = self._link(spec, options, "$deltatoken", following)
        else:
            answer["@odata.deltaLink"] = self._link(spec, options, "$deltatoken", onward)
        answer["value"] = value
        return self._access.json(answer)

    def _link(self, spec: DataverseTable, options: dict[str, str], name: str, token: str) -> str:
        kept = {key: value for key, value in options.items() if key not in ("$skiptoken", "$deltatoken")}
        kept[name] = token
        query = "&".join(f"{key}={quote(value, safe='')}" for key, value in kept.items())
        return f"{self.root}/{spec.set}?{query}"

    def count(self, request: Request, spec: DataverseTable) -> Response:
        self._access.allow(request, spec, "Read")
        options = request.options()
        if "$deltatoken" in options:
            number = self.tracking.count(spec, options["$deltatoken"])
        else:
            caller = self._access.caller(request)
            number = len(self.reader.matching(spec, options.get("$filter"), None, caller, options))
        text = f"\ufeff{min(number, MAX_PAGE)}"
        return Response(200, {"Content-Type": "text/plain"}, text.encode())
