"""What every request body has in common."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Body(BaseModel):
    """A request body: camelCase, nothing converted, nothing unknown."""

    model_config = ConfigDict(strict=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)
