"""The model → the JSON Schema with which editors check and complete rack.yml. Pure."""

from typing import Any

import yaml

from dicos_site.model import Site
from dicos_site.placement import SERVICE_NAMES

Schema = dict[str, Any]
_IDENTIFIER = "https://json-schema.org/draft/2020-12/schema"
_NETWORK = r"^([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}$"


def schema() -> Schema:
    """Return the schema of rack.yml, where `hosts` is a mapping from name to host."""
    generated = Site.model_json_schema(mode="validation")
    definitions = generated["$defs"]
    name = definitions["Host"]["properties"].pop("name")
    definitions["Host"]["required"].remove("name")
    hosts = generated["properties"]["hosts"]
    generated["properties"]["hosts"] = {
        "title": hosts["title"],
        "description": hosts["description"],
        "examples": hosts["examples"],
        "type": "object",
        "minProperties": 1,
        "propertyNames": name,
        "additionalProperties": {"$ref": "#/$defs/Host"},
    }
    generated["properties"]["placement"]["propertyNames"] = {"enum": list(SERVICE_NAMES)}
    generated |= {"title": "rack.yml of a DiCOS site", "$schema": _IDENTIFIER}
    return {key: _adapted(value) for key, value in sorted(generated.items())}


def _adapted(value: Any) -> Any:
    """Return a part of pydantic's schema with real examples and formats that editors know."""
    if isinstance(value, list):
        return [_adapted(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    adapted = {key: _adapted(entry) for key, entry in value.items()}
    if isinstance(adapted.get("examples"), list):
        adapted["examples"] = [yaml.safe_load(str(entry)) for entry in adapted["examples"]]
    if adapted.get("format") == "ipv4network":
        del adapted["format"]
        adapted["pattern"] = _NETWORK
    return adapted
