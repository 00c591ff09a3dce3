"""What F&O says to users, in their language. There is no code beside a text, so who speaks another language reads another
refusal.

The sandbox thinks in English; a finished message is put into the language of the user who gets it.
"""

from __future__ import annotations

import re
from functools import cache

ENGLISH = {
    "mandatory": "Field '{field}' must be filled in.",
    "reference": "The value '{value}' in field '{field}' is not found in the related table '{related}'.",
    "duplicate": "Cannot create a record in {label} ({table}). {values}. The record already exists.",
    "long": "The value '{value}' in field '{field}' is too long. The maximum length is {length} characters.",
    "dependent": "{label} cannot be deleted while dependent {child} exist. Delete dependent {child} and try again.",
    "read only": "Field '{field}' does not allow editing.",
    "conflict": "Cannot edit a record in {label} ({table}). An update conflict occurred due to another user process "
    "deleting the record or changing one or more fields in the record.",
    "company": "Access denied to company '{company}' for {label} ({table}).",
    "privilege": "Access denied: the user has no permission to {label} ({entity}).",
    "refused": "Write failed for table row of type '{entity}'. Infolog: ",
    "check": "{check} failed on data source '{source}'",
    "warning": "Warning: ",
}
"""By name; the order is the one in which a message is looked through."""
_GERMAN = {
    "mandatory": "Feld '{field}' muss ausgefüllt werden.",
    "reference": "Der Wert '{value}' in Feld '{field}' wurde in der verknüpften Tabelle '{related}' nicht gefunden.",
    "duplicate": "Datensatz in {label} ({table}) kann nicht erstellt werden. {values}. Der Datensatz ist bereits vorhanden.",
    "long": "Der Wert '{value}' in Feld '{field}' ist zu lang. Die maximale Länge beträgt {length} Zeichen.",
    "dependent": "{label} kann nicht gelöscht werden, solange abhängige {child} vorhanden sind. Löschen Sie zuerst die "
    "abhängigen {child}.",
    "read only": "Feld '{field}' darf nicht bearbeitet werden.",
    "conflict": "Datensatz in {label} ({table}) kann nicht bearbeitet werden. Ein anderer Benutzerprozess hat den Datensatz "
    "gelöscht oder mindestens ein Feld im Datensatz geändert.",
    "company": "Zugriff auf Unternehmen '{company}' für {label} ({table}) verweigert.",
    "privilege": "Zugriff verweigert: Der Benutzer hat keine Berechtigung für {label} ({entity}).",
    "refused": "Fehler beim Schreiben der Tabellenzeile vom Typ '{entity}'. Infolog: ",
    "check": "{check} ist für die Datenquelle '{source}' fehlgeschlagen",
    "warning": "Warnung: ",
}
_LANGUAGES = {"de": _GERMAN}


def text(name: str, **values: object) -> str:
    """A text in English."""
    return ENGLISH[name].format(**values)


def translated(message: str, language: str) -> str:
    """A finished message in a language such as ``de`` or ``de-AT``; one that isn't known here stays English."""
    for pattern, words in _patterns(language.partition("-")[0].lower()):
        message = pattern.sub(words, message)
    return message


@cache
def _patterns(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    words = _LANGUAGES.get(language, {})
    return tuple((_pattern(ENGLISH[name]), _template(words[name])) for name in ENGLISH if name in words)


def _pattern(template: str) -> re.Pattern[str]:
    """What a text looks like once its values are in it; one that stands there twice is the same twice."""
    seen: set[str] = set()
    found = ""
    for part in re.split(r"(\{[a-z]+\})", template):
        name = part.strip("{}") if part.startswith("{") else ""
        if not name:
            found += re.escape(part)
        elif name in seen:
            found += f"(?P={name})"
        else:
            seen.add(name)
            found += _value(name)
    return re.compile(found, re.DOTALL)


def _value(name: str) -> str:
    """What stands for a value; a check is one word, so that it doesn't take in what is before it."""
    return rf"(?P<{name}>\w+)" if name in ("check", "table", "entity") else f"(?P<{name}>.+?)"


def _template(words: str) -> str:
    return re.sub(r"\{([a-z]+)\}", r"\\g<\1>", words)
