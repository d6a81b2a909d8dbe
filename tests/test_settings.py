"""Settings: every key says what it is, and the reference is what the package says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mcal.settings import PlanSettings, PriceSettings, Settings

WRITER = Path(__file__).parents[1] / "docs" / "write_settings.py"


def tables() -> dict[str, Any]:
    schema = Settings.model_json_schema()
    return {"Settings": schema, **schema["$defs"]}


def test_every_key_says_what_it_is() -> None:
    bare = [
        f"{name}.{key}"
        for name, table in tables().items()
        for key, field in table["properties"].items()
        if not field.get("description") and "const" not in field
    ]
    assert not bare
    assert "Dollars" in (PriceSettings.model_fields["machine_fee"].description or "")


def test_the_reference_is_up_to_date() -> None:
    written = runpy.run_path(str(WRITER))
    told = "run `python docs/write_settings.py`"
    assert written["TARGET"].read_text(encoding="utf-8") == written["reference"](), told


@pytest.mark.parametrize("value", ["0.04", True, None, "x"])
def test_a_number_is_no_text(value: object) -> None:
    with pytest.raises(ValidationError):
        PriceSettings(price_per_label=value)
    with pytest.raises(ValidationError):
        PlanSettings(max_steps=value)
    assert PriceSettings(price_per_label=1).price_per_label == 1.0
