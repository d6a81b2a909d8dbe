"""SageMaker's labelling jobs on loopback, as far as mcal calls them.

Speaks JSON 1.1 behind a real boto3 client. Every request and every answer is held against
botocore's own model of the service, patterns included, so that this fake cannot drift from it.
The files lie in S3, which is moto's.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import botocore.session
from botocore.model import Shape
from botocore.validate import ParamValidator

MODEL = botocore.session.get_session().get_service_model("sagemaker")
BUCKET, REGION, ACCOUNT = "flowers", "eu-west-1", "123456789012"
ATTRIBUTE = "mcal-label"

Fault = Callable[["Handler"], bool]
"""Answers a request in the service's place; False to let the service answer after all."""


@cache
def s3() -> Any:
    return boto3.client("s3", region_name=REGION)


def read(uri: str) -> str:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return s3().get_object(Bucket=bucket, Key=key)["Body"].read().decode()


def write(uri: str, text: str) -> None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    s3().put_object(Bucket=bucket, Key=key, Body=text.encode())


@dataclass
class Job:
    """A labelling job: the request, and what people have done."""

    request: dict[str, Any]
    status: str = "InProgress"
    reason: str | None = None
    outcomes: dict[int, dict[str, Any]] = field(default_factory=dict)  # by line

    @property
    def name(self) -> str:
        return str(self.request["LabelingJobName"])

    @property
    def folder(self) -> str:
        return f"{self.request['OutputConfig']['S3OutputPath']}/{self.name}"

    @property
    def output(self) -> str:
        return f"{self.folder}/manifests/output/output.manifest"

    @cached_property
    def lines(self) -> list[dict[str, Any]]:
        """What the job was made of, whatever becomes of the manifest."""
        text = read(self.request["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"])
        return [json.loads(line) for line in text.split("\n") if line]

    @property
    def categories(self) -> list[str]:
        config = json.loads(read(self.request["LabelCategoryConfigS3Uri"]))
        return [entry["label"] for entry in config["labels"]]


class Refusal(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class FakeSageMaker:
    """The service; ``with FakeSageMaker() as fake`` serves it at ``fake.url``."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.jobs: dict[str, Job] = {}
        self.faults: list[Fault] = []
        self.calls: list[str] = []

    def __enter__(self) -> FakeSageMaker:
        handler = type("BoundHandler", (Handler,), {"fake": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    # -- what people do ------------------------------------------------------------------------

    def label(
        self,
        name: str,
        answers: Mapping[int, str],
        *,
        failures: Mapping[int, str] | None = None,
        workers: Mapping[int, Mapping[str, str]] | None = None,
    ) -> None:
        """Give a category, or a failure, to items by index; the job ends with its last item."""
        job = self.jobs[name]
        now = datetime.now(UTC).isoformat()
        for position, line in enumerate(job.lines):
            index = line["mcal-index"]
            if index in answers:
                job.outcomes[position] = {
                    ATTRIBUTE: job.categories.index(answers[index]),
                    f"{ATTRIBUTE}-metadata": {
                        "class-name": answers[index],
                        "job-name": f"labeling-job/{name}",
                        "confidence": 0.94,
                        "type": "groundtruth/image-classification",
                        "human-annotated": "yes",
                        "creation-date": now,
                    },
                }
            elif failures and index in failures:
                job.outcomes[position] = {
                    f"{ATTRIBUTE}-metadata": {
                        "job-name": f"labeling-job/{name}",
                        "failure-reason": failures[index],
                        "human-annotated": "yes",
                    }
                }
            if workers and index in workers:
                said = [
                    {
                        "acceptanceTime": now,
                        "answerContent": {"crowd-image-classifier": {"label": category}},
                        "submissionTime": now,
                        "timeSpentInSeconds": 1.5,
                        "workerId": worker,
                        "workerMetadata": {},
                    }
                    for worker, category in workers[index].items()
                ]
                where = f"{job.folder}/annotations/worker-response/iteration-1/{position}"
                write(f"{where}/2026-01-10_18:42:15.json", json.dumps({"answers": said}))
        lines = job.lines
        write(
            job.output,
            "".join(
                json.dumps({**lines[position], **outcome}) + "\n"
                for position, outcome in sorted(job.outcomes.items())
            ),
        )
        if len(job.outcomes) == len(lines):
            job.status = "Completed"

    def end(self, name: str, status: str, reason: str | None = None) -> None:
        self.jobs[name].status, self.jobs[name].reason = status, reason

    # -- the operations ------------------------------------------------------------------------

    def CreateLabelingJob(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["LabelingJobName"]
        if name in self.jobs:
            raise Refusal("ResourceInUse", f"Labeling job {name} exists.")
        job = Job(request)
        assert job.lines, "an input manifest with items"
        assert "crowd-form" in read(request["HumanTaskConfig"]["UiConfig"]["UiTemplateS3Uri"])
        assert len(set(job.categories)) == len(job.categories) > 2
        self.jobs[name] = job
        return {"LabelingJobArn": _arn(name)}

    def DescribeLabelingJob(self, request: dict[str, Any]) -> dict[str, Any]:
        job = self.jobs.get(request["LabelingJobName"])
        if job is None:
            raise Refusal("ResourceNotFound", "Requested resource not found.")
        labelled = sum(ATTRIBUTE in outcome for outcome in job.outcomes.values())
        given = {
            key: job.request[key]
            for key in MODEL.operation_model("DescribeLabelingJob").output_shape.members
            if key in job.request
        }
        return {
            **given,
            "LabelingJobStatus": job.status,
            "LabelingJobArn": _arn(job.name),
            "JobReferenceCode": "1",
            "CreationTime": datetime.now(UTC),
            "LastModifiedTime": datetime.now(UTC),
            "LabelCounters": {
                "TotalLabeled": labelled,
                "HumanLabeled": labelled,
                "MachineLabeled": 0,
                "FailedNonRetryableError": len(job.outcomes) - labelled,
                "Unlabeled": len(job.lines) - labelled,
            },
            **({"FailureReason": job.reason} if job.reason else {}),
            **(
                {"LabelingJobOutput": {"OutputDatasetS3Uri": job.output}}
                if job.status == "Completed"
                else {}
            ),
        }


class Handler(BaseHTTPRequestHandler):
    fake: FakeSageMaker
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.headers["X-Amz-Target"].removeprefix("SageMaker.")
        self.fake.calls.append(name)
        if self.fake.faults and self.fake.faults.pop(0)(self):
            return
        assert self.headers["Content-Type"] == "application/x-amz-json-1.1"
        assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
        operation = MODEL.operation_model(name)
        try:
            request = json.loads(body)
            check(request, operation.input_shape)
            answer = getattr(self.fake, name)(request)
            check(answer, operation.output_shape)
            self.answer(200, json.dumps(answer, default=lambda when: when.timestamp()))
        except Refusal as refusal:
            known = refusal.code in {shape.name for shape in operation.error_shapes}
            self.refuse(refusal.code if known else "TheFakeIsWrong", str(refusal), refusal.status)
        except AssertionError as error:
            self.refuse("ValidationException", f"the fake's own check: {error!r}")

    def refuse(self, code: str, message: str, status: int = 400) -> None:
        self.answer(status, json.dumps({"__type": code, "message": message}))

    def answer(self, status: int, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def refusing(code: str, message: str = "no", status: int = 400) -> Fault:
    """A fault: this one answer instead."""

    def fault(handler: Handler) -> bool:
        handler.refuse(code, message, status)
        return True

    return fault


def check(values: Mapping[str, Any], shape: Shape) -> None:
    """AssertionError unless ``values`` are as the model of the service says."""
    report = ParamValidator().validate(values, shape)
    assert not report.has_errors(), report.generate_report()
    _check_texts(values, shape)


def _check_texts(value: Any, shape: Shape) -> None:
    match shape.type_name:
        case "structure":
            unknown = set(value) - set(shape.members)
            assert not unknown, unknown
            for key, part in value.items():
                _check_texts(part, shape.members[key])
        case "list":
            for part in value:
                _check_texts(part, shape.member)
        case "string":
            assert not shape.enum or value in shape.enum, value
            pattern = shape.metadata.get("pattern", "")
            if r"\p{" in pattern:  # of tags; the standard library knows no such classes
                pattern = r"[\w\s.:/=+\-@]*"
            assert not pattern or re.fullmatch(pattern, value), (pattern, value)


def _arn(name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:labeling-job/{name.lower()}"
