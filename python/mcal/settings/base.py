"""What all tables of settings share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict

__all__ = ["Dollars", "Model", "Number", "Share", "Whole"]

# Text that looks like a number is a mistake, as everywhere in mcal.
Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]

Share = Annotated[Number, Field(gt=0.0, lt=1.0)]
Dollars = Annotated[Number, Field(ge=0.0, allow_inf_nan=False)]


class Model(BaseModel):
    """A table that knows all its keys and never changes.

    The text under a field is its description, at run time too: what it is, its unit, its default.
    ``docs/settings.md`` is written from it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
