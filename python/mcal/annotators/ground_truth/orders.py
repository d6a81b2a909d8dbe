"""What a labelling job is ordered with: its name, its files and the request. Pure."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from mcal.manifest import LABEL_ATTRIBUTE, none_of_these
from mcal.settings import GroundTruthSettings
from mcal.types import Batch

__all__ = [
    "BATCH_TAG",
    "MOST_PEOPLE",
    "answer_of",
    "categories",
    "category_file",
    "first_job_name",
    "item_file",
    "job_name",
    "job_request",
    "template_file",
]

BATCH_TAG = "mcal-batch"
MOST_PEOPLE = 9
"""Different people whom Ground Truth lets judge one item."""

_ELEMENT = "crowd-image-classifier"
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif"}

# The elements come from AWS, and Ground Truth fills in what is in braces.
_TEMPLATE = """\
<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>
<crowd-form>
  <crowd-image-classifier
    name="crowd-image-classifier"
    src="{{{{ task.input.taskObject | grant_read_access }}}}"
    header="{title}"
    categories="{{{{ task.input.labels | to_json | escape }}}}"
  >
    <full-instructions header="{title}">
      <p>{description}</p>
      <p>Choose "{none}" only where no class fits.</p>
    </full-instructions>
    <short-instructions><p>{description}</p></short-instructions>
  </crowd-image-classifier>
</crowd-form>
"""


def first_job_name(batch: Batch, s3_uri: str) -> str:
    """The name of a batch's first job, in 60 letters, digits and dashes at most.

    It begins with the batch's id, for people, and ends with a digest of all that must be the same
    for a job to be this batch's: the id, the items, the classes, the people and the bucket.
    """
    known = [
        batch.batch_id,
        batch.indices.tolist(),
        [name.encode("utf-8", "backslashreplace").decode() for name in batch.item_names],
        batch.classes,
        batch.n_judgements,
        s3_uri.rstrip("/"),
    ]
    digest = hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]
    words = re.sub(r"[^A-Za-z0-9]+", "-", batch.batch_id).strip("-")[:38].strip("-")
    return "-".join(filter(None, ("mcal", words, digest)))


def job_name(first: str, number: int) -> str:
    """The name of the ``number``-th job of a batch, counted from 1."""
    return first if number == 1 else f"{first}-{number}"


def categories(classes: Iterable[str]) -> list[str]:
    """What people choose from: the classes, then that none fits."""
    names = list(classes)
    return [*names, none_of_these(names)]


def category_file(classes: Iterable[str]) -> bytes:
    """The label category configuration."""
    labels = [{"label": name} for name in categories(classes)]
    document = {"document-version": "2018-11-28", "labels": labels}
    return json.dumps(document, ensure_ascii=False).encode()


def template_file(settings: GroundTruthSettings, classes: Iterable[str]) -> bytes:
    """The page on which people work."""
    texts = (settings.task_title, settings.task_description, none_of_these(classes))
    title, description, none = (_plain(text) for text in texts)
    return _TEMPLATE.format(title=title, description=description, none=none).encode()


def item_file(data: bytes, media_type: str) -> str:
    """The name of a picture under the prefix: by its contents, so that each is kept once."""
    extension = _EXTENSIONS.get(media_type, media_type.rpartition("/")[2] or "bin")
    return f"items/{hashlib.sha256(data).hexdigest()[:40]}.{extension}"


def answer_of(content: Any) -> str | None:
    """The category in one worker's answer, which lies under the name of the page's element."""
    if not isinstance(content, Mapping):
        return None
    for answer in (content.get(_ELEMENT), *content.values()):
        if isinstance(answer, Mapping) and isinstance(answer.get("label"), str):
            return str(answer["label"])
    return None


def job_request(
    settings: GroundTruthSettings, batch: Batch, name: str, uris: Mapping[str, str]
) -> dict[str, Any]:
    """What ``CreateLabelingJob`` is called with.

    ``uris`` are the addresses of "manifest", "categories", "template" and "output".
    """
    task: dict[str, Any] = {
        "WorkteamArn": settings.workteam_arn,
        "UiConfig": {"UiTemplateS3Uri": uris["template"]},
        "PreHumanTaskLambdaArn": settings.pre_lambda,
        "TaskTitle": settings.task_title,
        "TaskDescription": settings.task_description,
        "NumberOfHumanWorkersPerDataObject": batch.n_judgements,
        "TaskTimeLimitInSeconds": settings.task_time_limit_s,
        "AnnotationConsolidationConfig": {
            "AnnotationConsolidationLambdaArn": settings.consolidation_lambda
        },
    }
    if settings.human_task_ui_arn is not None:
        task["UiConfig"] = {"HumanTaskUiArn": settings.human_task_ui_arn}
    if settings.task_availability_s is not None:
        task["TaskAvailabilityLifetimeInSeconds"] = settings.task_availability_s
    if settings.task_price_usd is not None:
        cents, tenths = divmod(round(settings.task_price_usd * 1000), 10)
        amount = {
            "Dollars": cents // 100,
            "Cents": cents % 100,
            "TenthFractionsOfACent": tenths,
        }
        task["PublicWorkforceTaskPrice"] = {"AmountInUsd": amount}
    inputs: dict[str, Any] = {
        "DataSource": {"S3DataSource": {"ManifestS3Uri": uris["manifest"]}},
    }
    if settings.content:
        inputs["DataAttributes"] = {"ContentClassifiers": list(settings.content)}
    tags = {**settings.tags, BATCH_TAG: batch.batch_id}
    return {
        "LabelingJobName": name,
        "LabelAttributeName": LABEL_ATTRIBUTE,
        "InputConfig": inputs,
        "OutputConfig": {"S3OutputPath": uris["output"]},
        "RoleArn": settings.role_arn,
        "LabelCategoryConfigS3Uri": uris["categories"],
        "HumanTaskConfig": task,
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


def _plain(text: str) -> str:
    """``text`` for a page: neither HTML nor Liquid reads anything into it."""
    return html.escape(text).replace("{", "&#123;").replace("}", "&#125;")
