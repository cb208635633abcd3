"""What may be changed of a row? Everything but its name and its secret of signing: the tables of the configuration
file, all of it optional. They describe the bodies; the registry's rules judge them (console/judging.py)."""

from typing import Any

from pydantic import BaseModel, create_model

from config.tables import AccountTable, CampaignTable, EndpointTable, SourceTable
from console.api.operation import CLOSED

_FIXED = frozenset({"id", "account", "secret", "provider"})


def _patch(name: str, table: type[BaseModel]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        key: (field.rebuild_annotation() | None, None) for key, field in table.model_fields.items() if key not in _FIXED
    }
    return create_model(name, __config__=CLOSED, **fields)


AccountPatch = _patch("AccountPatch", AccountTable)
CampaignPatch = _patch("CampaignPatch", CampaignTable)
SourcePatch = _patch("SourcePatch", SourceTable)
EndpointPatch = _patch("EndpointPatch", EndpointTable)
