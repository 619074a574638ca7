"""What can be made to go wrong with the stand-in's next calls, as it does with WeChat and its gateways."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
"""What a gateway before WeChat answers."""


class Reset(StrEnum):
    """When the connection is torn down: before the call takes effect, or after it, with the reply lost."""

    before = "before"
    after = "after"


class Fault(BaseModel):
    """A fault of the next `times` calls of `path`. Faults of a path follow each other; fields combine."""

    model_config = ConfigDict(extra="forbid")

    path: str
    times: int = Field(1, ge=1)
    errcode: int | None = None
    """Answered in place of the call, which takes no effect."""
    delay_seconds: float = Field(0, ge=0, le=60)
    """The call takes effect, the reply comes late."""
    reset: Reset | None = None
    bad_gateway: bool = False
    """The call takes effect; the reply is status 502 with HTML."""
    content_type: str | None = None
    """A wrong label for the reply."""
    string_errcode: bool = False
    """The error code as text."""
    extra_fields: bool = False
    """Fields that no documentation names."""
    drop_errcode: bool = False
    """No error code and no error text."""
