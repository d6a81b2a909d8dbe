"""The table of Amazon SageMaker Ground Truth."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ..manifest import check_source_template
from .base import Model

__all__ = ["GroundTruthSettings"]

# Accounts in which AWS keeps its own functions for image classification, by region: from the
# documentation of PreHumanTaskLambdaArn in the API model, which a test holds them against.
_BUILT_IN_ACCOUNTS = {
    "ap-northeast-1": "477331159723",
    "ap-northeast-2": "845288260483",
    "ap-south-1": "565803892007",
    "ap-southeast-1": "377565633583",
    "ap-southeast-2": "454466003867",
    "ca-central-1": "918755190332",
    "eu-central-1": "203001061592",
    "eu-west-1": "568282634449",
    "eu-west-2": "487402164563",
    "us-east-1": "432418664414",
    "us-east-2": "266458841044",
    "us-west-2": "081040173940",
}

_S3_URI = re.compile(r"s3://[a-z0-9][a-z0-9.-]+[a-z0-9](/[^{}]*)?")

Arn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:")]
Classifier = Literal["FreeOfPersonallyIdentifiableInformation", "FreeOfAdultContent"]


class GroundTruthSettings(Model):
    """Amazon SageMaker Ground Truth. Credentials are found by boto3's own chain."""

    kind: Literal["ground-truth"] = "ground-truth"
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    """Of the bucket, the work team and the jobs."""
    s3_uri: str
    """``s3://bucket/prefix`` under which mcal keeps manifests, pictures and results."""
    role_arn: Arn
    """The role that Ground Truth works under: it reads and writes the bucket."""
    workteam_arn: Arn
    """Who labels: a private, a vendor's or the public work team."""
    images: str = "upload"
    """``upload``: mcal puts each picture into the bucket, once. ``s3://bucket/path/{item}``: they
    are there already, under the names of the items."""
    task_title: Annotated[str, Field(min_length=1, max_length=128)] = "What does the image show?"
    """Above each image, and in the workers' list of jobs."""
    task_description: Annotated[str, Field(min_length=1, max_length=255)] = (
        "Choose the class that fits the image best."
    )
    """The instructions beside each image."""
    task_time_limit_s: Annotated[int, Field(ge=30)] = 300
    """For one person and one item."""
    task_availability_s: Annotated[int, Field(ge=60)] | None = None
    """How long an item waits for people (default: the service's own, by kind of work team)."""
    task_price_usd: Annotated[float, Field(gt=0.0, lt=3.0)] | None = None
    """What a worker of the public team is paid for a judgement, in tenths of a cent."""
    content: tuple[Classifier, ...] = ()
    """What the images are free of, in the service's words; the public team asks for both."""
    most_jobs: Annotated[int, Field(ge=1, le=99)] = 5
    """Labelling jobs for one batch: items that came back without a label are ordered again."""
    human_task_ui_arn: Arn | None = None
    """A page for workers of your own (default: one that mcal writes)."""
    pre_human_task_lambda_arn: Arn | None = None
    """Prepares an item for the page (default: the built-in one of the region)."""
    consolidation_lambda_arn: Arn | None = None
    """Makes one label of several judgements (default: the built-in one of the region)."""
    endpoint_url: str | None = None
    """Of SageMaker, for a private endpoint."""
    s3_endpoint_url: str | None = None
    """Of S3, for a private endpoint."""
    tags: dict[str, str] = Field(default_factory=dict)
    """For the labelling jobs."""

    @property
    def is_public(self) -> bool:
        """Whether the public team works, which is paid by the task."""
        return ":workteam/public-crowd/" in self.workteam_arn

    @property
    def pre_lambda(self) -> str:
        """The function that prepares items."""
        return self.pre_human_task_lambda_arn or self._built_in("PRE")

    @property
    def consolidation_lambda(self) -> str:
        """The function that makes one label of several judgements."""
        return self.consolidation_lambda_arn or self._built_in("ACS")

    def _built_in(self, kind: str) -> str:
        account = _BUILT_IN_ACCOUNTS[self.region]
        return f"arn:aws:lambda:{self.region}:{account}:function:{kind}-ImageMultiClass"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not _S3_URI.fullmatch(self.s3_uri):
            raise ValueError(f's3_uri: expected "s3://bucket/prefix", found {self.s3_uri!r}')
        if self.images != "upload":
            try:
                check_source_template(self.images)
            except ValueError as error:
                raise ValueError(f'images: expected "upload" or {str(error)[9:]}') from None
        lambdas = (self.pre_human_task_lambda_arn, self.consolidation_lambda_arn)
        if None in lambdas and self.region not in _BUILT_IN_ACCOUNTS:
            raise ValueError(
                "pre_human_task_lambda_arn: needed with consolidation_lambda_arn: no built-in "
                f"ones are known for region {self.region!r}"
            )
        if self.is_public != (self.task_price_usd is not None):
            raise ValueError(
                "task_price_usd: expected with the public work team, and only there; other "
                "teams are paid outside"
            )
        if self.is_public and len(set(self.content)) < 2:
            raise ValueError(
                "content: the public work team takes only images that you declare to be "
                '["FreeOfPersonallyIdentifiableInformation", "FreeOfAdultContent"]'
            )
        if self.task_price_usd is not None:
            tenths = self.task_price_usd * 1000
            if abs(tenths - round(tenths)) > 1e-6:
                raise ValueError(
                    f"task_price_usd: expected whole tenths of a cent, found {self.task_price_usd}"
                )
        if len(self.tags) > 49:
            raise ValueError(f"tags: expected at most 49, found {len(self.tags)}")
        return self
