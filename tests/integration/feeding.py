"""An installation of which an entity set has a feed of its own, and how a user of F&O moves what the feed tells of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from mappings.catalogue import Catalogue
from tasks.sync.feeds import Poll
from tasks.sync.polling import Feed, feeds_of, poll_feed
from tasks.sync.seams import Seams
from tasks.sync.work import delta_sync
from tests.integration.installation import (
    CURRENCIES,
    CUSTOMER_GROUPS,
    LEGAL_ENTITIES,
    TERMS,
    Installation,
    Sides,
    failed,
)
from tests.local_services import Services

MAPS = (LEGAL_ENTITIES, CURRENCIES, TERMS, CUSTOMER_GROUPS)
GROUPS = "CustomerGroups"
Feeding = Callable[..., "Fed"]


class Fed:
    """An installation at rest, one of whose entity sets has a feed of its own.

    Attributes:
        later: how far the engine's clock is ahead.
    """

    def __init__(
        self, services: Services, sides: Sides, catalogue: Catalogue, url: str, **options: Any
    ) -> None:
        self.services = services
        self.later = timedelta()
        seams = Seams(now=lambda: datetime.now(UTC) + self.later)
        options = {"maps": MAPS, **options}
        self.installation = Installation(services, sides, catalogue, url, seams=seams, **options)
        self.session = self.installation.session
        assert not failed(self.installation.initial())
        self.installation.settle()
        self.installation.forget_writes()

    def feed(self, entity_set: str = GROUPS) -> Feed:
        (found,) = [
            each
            for each in feeds_of(self.session, self.session.selected())
            if (each.side, each.table) == ("fno", entity_set)
        ]
        return found

    def poll(self, *, scan: bool = False) -> dict[str, Poll]:
        """Ask the feed of customer groups once; what its polls found, by feed."""
        return {each.feed: each for each in poll_feed(self.session, self.feed(), scan=scan)}

    def work(self) -> list[tuple[str, str, str]]:
        """Work off what was named; our writes."""
        found = [
            summary for name in self.installation.settings.maps for summary in delta_sync(self.session, name)
        ]
        assert not failed(found)
        return self.wrote()

    def wrote(self) -> list[tuple[str, str, str]]:
        """Side, kind and key of what we wrote since last asked."""
        found = [(each["side"], each["kind"], _key(each["key"])) for each in self.installation.ours()]
        self.installation.forget_writes()
        return sorted(found)

    def scanned(self, since: int) -> list[str]:
        """Entity sets that were read as a whole since a request."""
        return [
            each["url"].partition("?")[0].rpartition("/")[2]
            for each in self.services.trace(since)
            if each["side"] == "fno"
            and each["caller"] == "application"
            and "$orderby" in each["url"]
            and "ModifiedDateTime" not in each["url"].partition("$filter")[2].partition("&")[0]
        ]

    def group(self, key: str, **values: Any) -> None:
        self.services.load("fno", GROUPS, [{"dataAreaId": "usmf", "CustomerGroupId": key, **values}])

    def remove(self, key: str) -> None:
        self.services.edit(
            "fno", "DELETE", f"{GROUPS}(dataAreaId='usmf',CustomerGroupId='{key}')?cross-company=true"
        )

    def in_dataverse(self) -> dict[str, Any]:
        rows = self.services.dump("dataverse", "msdyn_customergroups")
        return {row["msdyn_groupid"]: row.get("msdyn_description") for row in rows}


def _key(key: dict[str, Any]) -> str:
    return str(key.get("msdyn_groupid") or key.get("CustomerGroupId") or "/".join(map(str, key.values())))
