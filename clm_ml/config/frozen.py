"""What every part of the config is: frozen, and without keys that nobody asked for."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Frozen"]


class Frozen(BaseModel):
    """A part of the config: unknown keys are refused, and no refusal quotes the whole of what was found."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)
