"""Companies: F&O's legal entities, which everything company-specific hangs on."""

from __future__ import annotations

from tasks.entity import entity

legal_entities = entity("Legal entities to cdm_companies")
