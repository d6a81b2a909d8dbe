"""The table of Ground Truth: what is refused before anything is ordered."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from mcal.config import read_settings
from mcal.errors import SettingsError
from mcal.settings import GroundTruthSettings

GOOD = {
    "region": '"eu-west-1"',
    "s3_uri": '"s3://my-bucket/mcal"',
    "role_arn": '"arn:aws:iam::123456789012:role/mcal"',
    "workteam_arn": '"arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/us"',
}
PUBLIC = {
    "workteam_arn": '"arn:aws:sagemaker:eu-west-1:394669845002:workteam/public-crowd/default"',
    "task_price_usd": "0.036",
    "content": '["FreeOfPersonallyIdentifiableInformation", "FreeOfAdultContent"]',
}


def read(folder: Path, changes: dict[str, str], rest: str = ""):
    values = {"kind": '"ground-truth"', **GOOD, **changes}
    lines = [f"{key} = {value}" for key, value in values.items() if value]
    path = folder / "c.toml"
    path.write_text('[pool]\nkind = "digits"\n[annotator]\n' + "\n".join(lines) + f"\n{rest}\n")
    return read_settings(path)


def test_the_least_that_is_needed(tmp_path: Path) -> None:
    settings = read(tmp_path, {}).annotator
    assert isinstance(settings, GroundTruthSettings)
    assert settings.pre_lambda.endswith("eu-west-1:568282634449:function:PRE-ImageMultiClass")
    assert not settings.is_public
    assert read(tmp_path, {}, '[annotator.tags]\nteam = "a"').annotator.tags == {"team": "a"}


@pytest.mark.parametrize("key", GOOD)
def test_what_is_needed(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingsError, match=rf"annotator\.{key}: needed, found none"):
        read(tmp_path, {key: ""})


@pytest.mark.parametrize(
    ("changes", "rest", "words"),
    [
        ({"s3_uri": '"my-bucket"'}, "", 's3_uri: expected "s3://bucket/prefix", found'),
        ({"images": '"s3://b/p"'}, "", 'images: expected "upload" or "s3://bucket/path/{item}"'),
        ({"region": '"mx-north-1"'}, "", "no built-in ones are known for region 'mx-north-1'"),
        ({"task_price_usd": "0.04"}, "", "task_price_usd: expected with the public work team"),
        ({**PUBLIC, "task_price_usd": ""}, "", "task_price_usd: expected with the public"),
        ({**PUBLIC, "task_price_usd": "0.0361"}, "", "expected whole tenths of a cent"),
        ({**PUBLIC, "content": ""}, "", "content: the public work team takes only images"),
        (
            PUBLIC,
            "[prices]\nprice_per_label = 0.03",
            "prices.price_per_label: expected at least annotator.task_price_usd = 0.036",
        ),
        (
            PUBLIC,
            "[[prices.tiers]]\nfrom = 0\nprice = 0.05\n[[prices.tiers]]\nfrom = 9\nprice = 0.03",
            "prices.price_per_label: expected at least",
        ),
        ({}, "[prices]\njudgements_per_item = 10", "judgements_per_item: expected at most 9"),
    ],
)
def test_what_is_refused(tmp_path: Path, changes: dict[str, str], rest: str, words: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(words)):
        read(tmp_path, changes, rest)


def test_the_public_team_is_paid_by_the_task(tmp_path: Path) -> None:
    settings = read(tmp_path, PUBLIC, "[prices]\nprice_per_label = 0.08")
    assert settings.annotator.task_price_usd == 0.036


def test_the_built_in_functions_are_those_of_the_published_api() -> None:
    from botocore.session import get_session

    model = get_session().get_service_model("sagemaker")
    members = {
        "PRE": model.shape_for("HumanTaskConfig").members["PreHumanTaskLambdaArn"],
        "ACS": model.shape_for("AnnotationConsolidationConfig").members[
            "AnnotationConsolidationLambdaArn"
        ],
    }
    plain = {key: value.strip('"') for key, value in GOOD.items()}
    for kind, member in members.items():
        arns = re.findall(
            rf"<code>(arn:aws:lambda:([\w-]+):\d+:function:{kind}-ImageMultiClass)</code>",
            member.documentation,
        )
        assert len(arns) == 12
        for arn, region in arns:
            settings = GroundTruthSettings.model_validate({**plain, "region": region})
            found = settings.pre_lambda if kind == "PRE" else settings.consolidation_lambda
            assert found == arn
    with pytest.raises(ValidationError, match="no built-in ones are known"):
        GroundTruthSettings.model_validate({**plain, "region": "sa-east-1"})
