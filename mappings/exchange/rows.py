"""Rows of `msdyn_dualwriteentitymap` out of a file that somebody gave us: a solution zip, rows as JSON, or the
JSON of one row's mapping.

The file is not trusted: sizes are bounded before and while it is read, nothing is unpacked to disk, XML with a
document type (and so with entities) is refused.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mappings.errors import FatalError, MapError
from mappings.exchange import xml_rows

MEBIBYTE = 1 << 20
MAX_FILE = 64 * MEBIBYTE
"""Bytes of a file that is no zip, of a zip, and of one member of it."""
MAX_UNPACKED = 256 * MEBIBYTE
"""Bytes of all members of a zip that are read."""
MAX_MEMBERS, MAX_ROWS = 20_000, 5_000
TABLE = "msdyn_dualwriteentitymap"


@dataclass(frozen=True, slots=True)
class Row:
    """One stored map.

    Attributes:
        name: `msdyn_name`, or "".
        display: `msdyn_displayname`, or "".
        version: `msdyn_version`, or "".
        mapping: the parsed `msdyn_mapping`.
        place: file, member of the zip and line or row, for messages.
    """

    name: str
    display: str
    version: str
    mapping: object
    place: str


def read_rows(path: Path) -> list[Row]:
    """All maps in a file.

    Raises:
        FatalError: there is no such file, or it is larger than a solution can be.
        MapError: it holds no map, is damaged, or isn't safe to read.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise FatalError(f"{path} can't be read: {error.strerror}", code="no_such_file") from error
    if size > MAX_FILE:
        raise _too_large(str(path), MAX_FILE)
    try:
        rows = list(_of_zip(path) if zipfile.is_zipfile(path) else _of_text(path.read_bytes(), str(path)))
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise MapError(f"can't be read: {error}", file=path, code="damaged_file") from error
    if not rows:
        raise MapError(
            f"holds no row of {TABLE}",
            file=path,
            code="no_dual_write_map",
            remedy="export the solution with its table maps, or the rows as JSON",
        )
    return rows


def _of_zip(path: Path) -> Iterator[Row]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise MapError(f"holds more than {MAX_MEMBERS:,} files", file=path, code="too_large")
        left, count = MAX_UNPACKED, 0
        for member in members:
            if member.is_dir() or not _wanted(member.filename):
                continue
            place = f"{path}!{member.filename}"
            if member.flag_bits & 1:
                raise MapError("is encrypted", file=place, code="damaged_file")
            with archive.open(member) as stream:
                content = _bounded(stream, min(MAX_FILE, left), place)
            left -= len(content)
            for row in _of_text(content, place, alone=False):
                count += 1
                if count > MAX_ROWS:
                    raise MapError(f"holds more than {MAX_ROWS:,} maps", file=path, code="too_large")
                yield row


def _wanted(name: str) -> bool:
    """customizations.xml or data.xml, and files of the table's own folder."""
    path = PurePosixPath(name.replace("\\", "/").lower())
    if path.suffix not in (".xml", ".json"):
        return False
    return path.name in ("customizations.xml", "data.xml") or TABLE in str(path)


def _bounded(stream: IO[bytes], limit: int, place: str) -> bytes:
    """The content, unless it is larger than it may be: what a zip says about itself is not believed."""
    content = stream.read(limit + 1)
    if len(content) > limit:
        raise _too_large(place, limit)
    return content


def _of_text(content: bytes, place: str, *, alone: bool = True) -> Iterator[Row]:
    """`alone`: the file was named by the user, so a file without rows is an error."""
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        for columns, line in xml_rows.rows(content, TABLE, place):
            yield _row(columns, f"{place}:{line}")
        return
    value = _parsed(content, place)
    if isinstance(value, Mapping) and not alone and "legs" not in value and "value" not in value:
        value = [value]
    if isinstance(value, Mapping) and isinstance(value.get("value"), list):
        value = value["value"]  # an answer of the Web API
    if isinstance(value, list):
        if len(value) > MAX_ROWS:
            raise MapError(f"holds more than {MAX_ROWS:,} rows", file=place, code="too_large")
        for number, each in enumerate(value, start=1):
            here = f"{place}, row {number}"
            if not isinstance(each, Mapping):
                raise MapError("is no row", file=here, code="no_dual_write_map")
            yield _row(each, here)
        return
    if isinstance(value, Mapping) and "msdyn_mapping" in value:
        yield _row(value, place)
        return
    yield Row("", "", "", value, place)


def _row(columns: Mapping[str, Any], place: str) -> Row:
    if "legs" in columns or "entityMappingTasks" in columns:
        return Row("", "", "", columns, place)
    mapping = columns.get("msdyn_mapping")
    if isinstance(mapping, str):
        mapping = _parsed(mapping.encode(), f"{place}, msdyn_mapping")
    if mapping is None:
        raise MapError(
            "has no msdyn_mapping",
            file=place,
            code="no_dual_write_map",
            remedy="export the column msdyn_mapping too",
        )

    def text(name: str) -> str:
        value = columns.get(name)
        return value.strip() if isinstance(value, str) else ""

    return Row(text("msdyn_name"), text("msdyn_displayname"), text("msdyn_version"), mapping, place)


def _parsed(content: bytes, place: str) -> Any:
    try:
        value = json.loads(content.decode("utf-8-sig"))
        json.dumps(value, ensure_ascii=False).encode()  # halves of characters can't be written anywhere
    except UnicodeDecodeError:
        raise MapError("is neither a zip nor text in UTF-8", file=place, code="damaged_file") from None
    except UnicodeEncodeError:
        raise MapError("holds half a character", file=place, code="damaged_file") from None
    except json.JSONDecodeError as error:
        raise MapError(
            f"is no JSON: {error.msg}", file=place, line=error.lineno, code="damaged_file"
        ) from None
    except ValueError as error:
        raise MapError(f"is no JSON: {error}", file=place, code="damaged_file") from None
    except RecursionError:
        raise MapError("is nested too deep", file=place, code="too_large") from None
    return value


def _too_large(place: str, limit: int) -> FatalError:
    return MapError(f"is larger than {limit // MEBIBYTE} MiB", file=place, code="too_large")
