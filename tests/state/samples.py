"""Records to store."""

from __future__ import annotations

from datetime import UTC, datetime

from tasks.state.records import Link

MAP, COMPANY, TABLE = "Customers", "USMF", "accounts"
NOON = datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)


def link(pair: int, number: int, **changes: object) -> Link:
    """A paired link with every column filled."""
    fields: dict[str, object] = {
        "id": 0,
        "pair": pair,
        "map": MAP,
        "company": COMPANY,
        "table": TABLE,
        "key": f"usmf\x1fc-{number}",
        "fno_key": {"dataAreaId": "USMF", "CustomerAccount": f"C-{number}"},
        "fno_row": f"{5637144576 + number}",
        "fno_version": 'W/"JzEsNTYzNzE0NDU3Nic="',
        "dataverse_id": f"00000000-0000-0000-{pair:04}-{number:012}",
        "dataverse_version": 'W/"123"',
        "base_fno": bytes(range(16)),
        "base_dataverse": b"\xff" * 16,
        "intent_fno": b"f",
        "intent_dataverse": b"d",
        "raw_fno": -(1 << 63),
        "raw_dataverse": (1 << 63) - 1,
        "state": "paired",
        "layout_id": 7,
        "kept": {"3": 1},
        "key_text": [f"C-{number}"],
        "confirmed_at": NOON,
    }
    return Link(**{**fields, **changes})  # type: ignore[arg-type]
