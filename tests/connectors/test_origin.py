from __future__ import annotations

import pytest

from mappings.errors import FatalError
from tasks.connectors.origin import Origin

ORG = Origin("https://org.crm.dynamics.com/api/data/v9.2", "DUALFLOW_DATAVERSE_URL")


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("accounts?$top=1", "https://org.crm.dynamics.com/api/data/v9.2/accounts?$top=1"),
        ("/api/data/v9.2/x", "https://org.crm.dynamics.com/api/data/v9.2/x"),
        ("https://ORG.crm.dynamics.com:443/x?y=a%20b", "https://ORG.crm.dynamics.com:443/x?y=a%20b"),
        (
            "a?f='https://evil.example'",
            "https://org.crm.dynamics.com/api/data/v9.2/a?f='https://evil.example'",
        ),
    ],
)
def test_own_addresses_pass(url: str, absolute: str) -> None:
    assert ORG.absolute(url) == absolute


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/api/data/v9.2/accounts",
        "http://org.crm.dynamics.com/api/data/v9.2/accounts",
        "https://org.crm.dynamics.com:8443/api",
        "https://org.crm.dynamics.com.evil.example/",
        "https://org.crm.dynamics.com@evil.example/",
        "https://evil@org.crm.dynamics.com/",
        "https://evil.example\\@org.crm.dynamics.com/",
        "//evil.example/accounts",
        "https://org.crm.dynamics.com/a b",
        "https://org.crm.dynamics.com:99999/",
        "ftp://org.crm.dynamics.com/",
    ],
)
def test_foreign_addresses_are_refused(url: str) -> None:
    with pytest.raises(FatalError) as refused:
        ORG.absolute(url)
    assert refused.value.code == "foreign_address"
    assert "DUALFLOW_DATAVERSE_URL" in refused.value.remedy


def test_a_refusal_shows_no_path_and_no_query() -> None:
    with pytest.raises(FatalError) as refused:
        ORG.absolute("https://evil.example/secret-path?token=abc")
    assert "evil.example" in str(refused.value)
    assert "secret-path" not in str(refused.value)
    assert "abc" not in str(refused.value)


@pytest.mark.parametrize("root", ["http://org.crm.dynamics.com", "org.crm.dynamics.com", "", "https://"])
def test_only_https_roots(root: str) -> None:
    with pytest.raises(FatalError, match="not an https address"):
        Origin(root, "DUALFLOW_FNO_URL")
