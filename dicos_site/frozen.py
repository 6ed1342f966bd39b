"""What every value of a site is made of."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value that cannot change and takes no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid")
