"""The JSON Schema of the service file, for editors: completion, hover texts, red lines while typing."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from burnline.spec.service import ServiceSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Written(GenerateJsonSchema):
    """A key that may be left out is left out: null is no value a user writes."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner, default = self.generate_inner(schema["schema"]), schema.get("default")
        return {**inner, "default": default} if isinstance(default, str | int | float) else inner

    def field_title_should_be_set(self, schema: object) -> bool:
        return False  # a title made from the key says nothing more than the key


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) as plain data.

    It knows every shape and shorthand, also of parts that are not supported yet; what several fields say together
    (references, names used twice) only `burnline check` knows.
    """
    schema = ServiceSpec.model_json_schema(schema_generator=_Written)
    return {"$schema": DIALECT, **schema, "title": "burnline service file"}
