"""What all tables of settings share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Dollars", "Model", "Share"]

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Dollars = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class Model(BaseModel):
    """A table that knows all its keys and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
