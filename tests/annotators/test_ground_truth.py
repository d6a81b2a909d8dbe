"""Ground Truth on a fake that is held against botocore's model of the service; never on AWS."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import moto
import numpy as np
import pytest
import tenacity
from ground_truth_fake import (
    ACCOUNT,
    BUCKET,
    REGION,
    FakeSageMaker,
    Handler,
    read,
    refusing,
    s3,
    write,
)

from mcal.annotators.consensus import with_consensus
from mcal.annotators.ground_truth import GroundTruthAnnotator, aws
from mcal.annotators.ground_truth.orders import first_job_name
from mcal.errors import AnnotatorError
from mcal.settings import GroundTruthSettings, PriceSettings, Settings
from mcal.testing import AnnotatorContract
from mcal.types import NO_LABEL, Annotator, Answers, Batch, Picture, Purpose

CLASSES = ("cat", "dog", "snowy owl")
CATEGORIES = (*CLASSES, "none of these")
EXPIRED = "ClientError: Annotation tasks expired."
REQUIRED = {
    "region": REGION,
    "s3_uri": f"s3://{BUCKET}/campaigns/one",
    "role_arn": f"arn:aws:iam::{ACCOUNT}:role/mcal",
    "workteam_arn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:workteam/private-crowd/us",
    "images": "s3://photos/all/{item}",
}
PUBLIC = {
    "workteam_arn": f"arn:aws:sagemaker:{REGION}:394669845002:workteam/public-crowd/default",
    "task_price_usd": 1.036,
    "content": ["FreeOfPersonallyIdentifiableInformation", "FreeOfAdultContent"],
}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenacity.nap.time, "sleep", lambda seconds: None)


class SharedClients:
    """A session that makes each client once: to make one of SageMaker takes half a second."""

    def __init__(self) -> None:
        self._session = boto3.session.Session()
        self._clients: dict[Any, Any] = {}

    def client(self, service: str, *, config: Any, endpoint_url: str | None) -> Any:
        assert config.retries == {"total_max_attempts": 1, "mode": "standard"}
        key = service, endpoint_url, config.read_timeout
        if key not in self._clients:
            self._clients[key] = self._session.client(
                service, config=config, endpoint_url=endpoint_url
            )
        return self._clients[key]


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[FakeSageMaker, SharedClients]]:
    with moto.mock_aws():
        session = SharedClients()
    with FakeSageMaker() as fake:
        yield fake, session


@pytest.fixture
def fake(
    monkeypatch: pytest.MonkeyPatch, service: tuple[FakeSageMaker, SharedClients]
) -> Iterator[FakeSageMaker]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    fake, session = service
    fake.forget()
    monkeypatch.setattr(boto3.session, "Session", lambda: session)
    with moto.mock_aws():
        s3().create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield fake


def no_picture(index: int) -> Picture | None:
    raise AssertionError("nobody may ask for a picture here")


def opened(fake: FakeSageMaker, picture=no_picture, **settings: object) -> GroundTruthAnnotator:
    values = {**REQUIRED, "endpoint_url": fake.url, **settings}
    return GroundTruthAnnotator(GroundTruthSettings.model_validate(values), picture)


def batch_of(*indices: int, batch_id: str = "test-000-abc", n_judgements: int = 1) -> Batch:
    names = tuple(f"{index}.png" for index in indices)
    rows = np.array(indices, np.int64)
    return Batch(batch_id, Purpose.TEST, 0, rows, names, CLASSES, n_judgements)


def labels_of(answers: Answers) -> dict[int, int]:
    return dict(zip(answers.indices.tolist(), answers.labels.tolist(), strict=True))


class TestGroundTruth(AnnotatorContract):
    @pytest.fixture(autouse=True)
    def _service(self, fake: FakeSageMaker) -> None:
        self.fake = fake

    def make_annotator(self, world: Path) -> Annotator:
        return opened(self.fake)

    def answer(self, world: Path, batch: Batch, ticket: str, labels: Mapping[int, int]) -> None:
        names = (*batch.classes, "none of these")  # NO_LABEL takes the last
        self.fake.label(ticket, {index: names[label] for index, label in labels.items()})

    def n_ordered(self, world: Path) -> int:
        return sum(len(job.lines) for job in self.fake.jobs.values())


def test_the_request_says_what_the_settings_say(fake: FakeSageMaker) -> None:
    annotator = opened(
        fake, **PUBLIC, task_availability_s=3600, tags={"team": "a"}, task_title='<b> {{ x }} "q"'
    )
    name = annotator.submit(batch_of(4, 2, n_judgements=3))
    request = fake.jobs[name].request
    task = request["HumanTaskConfig"]
    assert task["PublicWorkforceTaskPrice"] == {
        "AmountInUsd": {"Dollars": 1, "Cents": 3, "TenthFractionsOfACent": 6}
    }
    assert task["NumberOfHumanWorkersPerDataObject"] == 3
    assert task["TaskAvailabilityLifetimeInSeconds"] == 3600
    assert request["InputConfig"]["DataAttributes"]["ContentClassifiers"] == PUBLIC["content"]
    assert {"Key": "team", "Value": "a"} in request["Tags"]
    assert {"Key": "mcal-batch", "Value": "test-000-abc"} in request["Tags"]
    assert fake.jobs[name].lines == [
        {"source-ref": "s3://photos/all/4.png", "mcal-index": 4},
        {"source-ref": "s3://photos/all/2.png", "mcal-index": 2},
    ]
    assert fake.jobs[name].categories == list(CATEGORIES)
    page = read(task["UiConfig"]["UiTemplateS3Uri"])
    assert 'src="{{ task.input.taskObject | grant_read_access }}"' in page
    assert "&lt;b&gt; &#123;&#123; x &#125;&#125; &quot;q&quot;" in page


def test_pictures_are_uploaded_once(fake: FakeSageMaker) -> None:
    def picture(index: int) -> Picture | None:
        return None if index == 9 else Picture(b"same" if index < 5 else b"other", "image/png")

    batch = batch_of(3, 4, 9, 7)
    annotator = opened(fake, picture, images="upload")
    name = annotator.submit(batch)
    sources = [line["source-ref"] for line in fake.jobs[name].lines]
    assert [line["mcal-index"] for line in fake.jobs[name].lines] == [3, 4, 7]
    assert sources[0] == sources[1] != sources[2]
    assert [read(source) for source in sources] == ["same", "same", "other"]
    fake.label(name, {3: "cat", 4: "dog", 7: "cat"})
    answers = annotator.collect(batch, name)
    assert labels_of(answers) == {3: 0, 4: 1, 7: 0}
    assert not answers.complete
    assert answers.problems == (
        "9.png: cannot be shown, so it was not ordered; give its label by Campaign.tell.",
    )
    with pytest.raises(AnnotatorError, match="none of the items of batch none can be shown, '9"):
        annotator.submit(batch_of(9, batch_id="none"))


def test_what_came_back_without_a_label_is_ordered_again(fake: FakeSageMaker) -> None:
    batch = batch_of(5, 2, 9, 4)
    annotator = opened(fake)
    name = annotator.submit(batch)
    fake.label(name, {5: "cat", 4: "none of these"}, failures={2: EXPIRED, 9: EXPIRED})
    for process in (annotator, opened(fake)):
        answers = process.collect(batch, name)
        assert labels_of(answers) == {5: 0, 4: NO_LABEL}
        assert answers.problems == (
            f"{name}: completed, 2 items without a label, s3://photos/all/2.png among them: "
            "ClientError: Annotation tasks expired.",
        )
    assert [line["mcal-index"] for line in fake.jobs[f"{name}-2"].lines] == [2, 9]
    fake.label(f"{name}-2", {2: "dog"}, failures={9: EXPIRED})
    assert not annotator.collect(batch, name).complete
    fake.label(f"{name}-3", {9: "snowy owl"})
    answers = opened(fake).collect(batch, name)
    assert labels_of(answers) == {5: 0, 2: 1, 9: 2, 4: NO_LABEL}
    assert answers.complete
    assert len(fake.jobs) == 3


def test_ordering_again_has_an_end(fake: FakeSageMaker) -> None:
    batch = batch_of(5)
    annotator = opened(fake, most_jobs=2)
    name = annotator.submit(batch)
    fake.label(name, {}, failures={5: EXPIRED})
    annotator.collect(batch, name)
    fake.label(f"{name}-2", {}, failures={5: EXPIRED})
    answers = annotator.collect(batch, name)
    assert not answers.complete
    assert answers.problems[-1] == (
        f"{name}-2: the last of 2 jobs; give the labels still missing by Campaign.tell."
    )
    assert len(fake.jobs) == 2


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_job_that_failed_or_was_stopped_keeps_what_it_delivered(
    fake: FakeSageMaker, status: str
) -> None:
    batch = batch_of(1, 2)
    annotator = opened(fake)
    name = annotator.submit(batch)
    fake.label(name, {2: "dog"})
    fake.end(name, "Stopping")
    assert not annotator.collect(batch, name).problems
    assert len(fake.jobs) == 1
    fake.end(name, status, "The role was deleted.")
    answers = annotator.collect(batch, name)
    assert labels_of(answers) == {2: 1}
    (problem,) = answers.problems
    assert problem.startswith(f"{name}: {status.lower()} (The role was deleted.), 1 items")
    assert [line["mcal-index"] for line in fake.jobs[f"{name}-2"].lines] == [1]


def test_a_job_that_failed_before_it_wrote_anything(fake: FakeSageMaker) -> None:
    batch = batch_of(1)
    name = opened(fake).submit(batch)
    fake.end(name, "Failed", "No access to the bucket")
    assert opened(fake).collect(batch, name).indices.size == 0
    assert f"{name}-2" in fake.jobs


@pytest.mark.parametrize(
    ("mend", "found", "words"),
    [
        (lambda text: text[:-30], {1: 0}, "line 2: no whole JSON object; was the file cut off?"),
        (
            lambda text: text.replace('"dog"', '"dgo"'),
            {1: 0},
            "line 2: 'dgo' is no class (did you mean 'dog'?); not taken.",
        ),
        (
            lambda text: text.replace("all/2.png", "all/3.png"),
            {1: 0},
            "line 2: s3://photos/all/3.png was not ordered; not taken.",
        ),
        (
            lambda text: text + text.split("\n")[1].replace('"dog"', '"cat"') + "\n",
            {1: 0},
            ": s3://photos/all/2.png came back with two labels; neither taken.",
        ),
        (lambda text: "[]\n" + text.split("\n")[0], {1: 0}, "line 1: expected a JSON object."),
        (
            lambda text: "\n".join(
                [text.split("\n")[0], text.split("\n")[1].replace("mcal-label", "their-label")]
            ),
            {1: 0},
            "line 2: s3://photos/all/2.png has neither a label under",
        ),
    ],
)
def test_nothing_is_ordered_again_while_a_delivery_is_not_understood(
    fake: FakeSageMaker, mend, found: dict[int, int], words: str
) -> None:
    batch = batch_of(1, 2)
    annotator = opened(fake)
    name = annotator.submit(batch)
    fake.label(name, {1: "cat", 2: "dog"})
    whole = read(fake.jobs[name].output)
    write(fake.jobs[name].output, mend(whole))
    answers = annotator.collect(batch, name)
    assert labels_of(answers) == found
    assert not answers.complete
    assert answers.problems[0].startswith(name)
    assert words in answers.problems[0]
    assert "nothing is ordered again" in answers.problems[-1]
    assert len(fake.jobs) == 1
    write(fake.jobs[name].output, whole)  # mended by hand
    assert annotator.collect(batch, name).complete


def test_an_item_delivered_twice_counts_once(fake: FakeSageMaker) -> None:
    batch = batch_of(1, 2)
    annotator = opened(fake)
    name = annotator.submit(batch)
    fake.label(name, {1: "cat", 2: "dog"})
    text = read(fake.jobs[name].output)
    write(fake.jobs[name].output, text + text.split("\n")[0] + "\n")
    answers = annotator.collect(batch, name)
    assert answers.complete
    assert answers.problems == (f"{name}: s3://photos/all/1.png came back 2 times; taken once.",)


def test_an_item_missing_from_the_output_is_ordered_again(fake: FakeSageMaker) -> None:
    batch = batch_of(1, 2)
    annotator = opened(fake)
    name = annotator.submit(batch)
    fake.label(name, {1: "cat", 2: "dog"})
    write(fake.jobs[name].output, read(fake.jobs[name].output).split("\n")[0] + "\n")
    assert labels_of(annotator.collect(batch, name)) == {1: 0}
    assert [line["mcal-index"] for line in fake.jobs[f"{name}-2"].lines] == [2]


def test_files_of_a_job_that_are_gone(fake: FakeSageMaker) -> None:
    batch = batch_of(1)
    name = opened(fake).submit(batch)
    fake.label(name, {1: "cat"})
    key = fake.jobs[name].output.removeprefix(f"s3://{BUCKET}/")
    s3().delete_object(Bucket=BUCKET, Key=key)
    with pytest.raises(AnnotatorError, match=r"is completed, but .* is gone"):
        opened(fake).collect(batch, name)
    s3().delete_object(Bucket=BUCKET, Key=f"campaigns/one/jobs/{name}/input.manifest")
    with pytest.raises(AnnotatorError, match="is gone: what did job"):
        opened(fake).collect(batch, name)
    fake.jobs.clear()
    with pytest.raises(AnnotatorError, match=r"no labelling job .* were region or account changed"):
        opened(fake).collect(batch, name)
    with pytest.raises(AnnotatorError, match="ordered as other, elsewhere"):
        opened(fake).collect(batch, "other")


def test_killed_between_the_manifest_and_the_job(fake: FakeSageMaker) -> None:
    batch = batch_of(1)
    fake.faults = [lambda handler: False, refusing("AccessDeniedException", "not yet")]
    with pytest.raises(AnnotatorError, match="not yet"):
        opened(fake).submit(batch)
    assert not fake.jobs
    name = opened(fake).submit(batch)
    assert list(fake.jobs) == [name]


def test_an_answer_that_never_arrived_orders_nothing_twice(fake: FakeSageMaker) -> None:
    def done_but_cut(handler: Handler) -> bool:
        handler.answer = lambda status, text: handler.connection.shutdown(socket.SHUT_RDWR)
        return False

    fake.faults = [lambda handler: False, done_but_cut]
    name = opened(fake).submit(batch_of(1))
    assert list(fake.jobs) == [name]
    assert fake.calls.count("CreateLabelingJob") == 2


def test_a_name_that_somebody_else_took(fake: FakeSageMaker) -> None:
    batch = batch_of(1)
    name = opened(fake).submit(batch)
    source = fake.jobs[name].request["InputConfig"]["DataSource"]["S3DataSource"]
    ours, source["ManifestS3Uri"] = source["ManifestS3Uri"], "s3://theirs/other.manifest"
    with pytest.raises(AnnotatorError, match=r"is somebody else's .its manifest is s3://theirs"):
        opened(fake).submit(batch)
    source["ManifestS3Uri"] = ours
    fake.jobs[name].request["Tags"] = [{"Key": "mcal-batch", "Value": "other"}]
    with pytest.raises(AnnotatorError, match="is somebody else's"):
        opened(fake).collect(batch, name)


def hang_up(handler: Handler) -> bool:
    handler.connection.shutdown(socket.SHUT_RDWR)
    return True


def half_an_answer(handler: Handler) -> bool:
    handler.answer(200, '{"LabelingJobStatus": "Comp')
    return True


def too_slow(handler: Handler) -> bool:
    threading.Event().wait(0.4)  # time.sleep has been made instant
    return hang_up(handler)


@pytest.mark.parametrize(
    "fault",
    [
        refusing("ThrottlingException", "Rate exceeded"),
        refusing("InternalFailure", "oops", 500),
        refusing("", "", 503),
        hang_up,
        half_an_answer,
    ],
)
def test_what_passes_is_tried_again(fake: FakeSageMaker, fault) -> None:
    fake.faults = [fault, fault]
    opened(fake).submit(batch_of(1))
    assert len(fake.jobs) == 1
    assert fake.calls == ["DescribeLabelingJob"] * 3 + ["CreateLabelingJob"]


def test_what_does_not_pass_is_given_up(fake: FakeSageMaker) -> None:
    fake.faults = [refusing("ThrottlingException", "Rate exceeded")] * 20
    with pytest.raises(AnnotatorError, match=r"tried 6 times, then gave up: .*Rate exceeded"):
        opened(fake).submit(batch_of(1))
    assert len(fake.calls) == 6


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        ("AccessDeniedException", "not authorized", "give these credentials the permissions"),
        ("ExpiredTokenException", "expired", "renew them, then go on"),
        ("RequestTimeTooSkewed", "difference too large", "the clock of this machine is wrong"),
        ("InvalidSignatureException", "Signature expired: now", "the clock of this machine"),
        ("ValidationException", "S3 bucket is in eu-west-2", "S3 bucket is in eu-west-2$"),
    ],
)
def test_what_aws_refuses_is_told_at_once(
    fake: FakeSageMaker, code: str, message: str, words: str
) -> None:
    fake.faults = [refusing(code, message)]
    with pytest.raises(AnnotatorError, match=words):
        opened(fake).submit(batch_of(1))
    assert len(fake.calls) == 1


def test_a_bucket_that_is_not_there(fake: FakeSageMaker) -> None:
    with pytest.raises(AnnotatorError, match="names bucket 'nowhere': make it, or name another"):
        opened(fake, s3_uri="s3://nowhere/x").submit(batch_of(1))
    assert not fake.jobs


def test_what_single_workers_said(fake: FakeSageMaker) -> None:
    batch = batch_of(6, 8, n_judgements=2)
    annotator = opened(fake, **PUBLIC)
    name = annotator.submit(batch)
    said = {6: {"ann": "cat", "bob": "none of these"}, 8: {"ann": "dog"}}
    fake.label(name, {6: "cat"}, workers=said)
    bad = f"{fake.jobs[name].folder}/annotations/worker-response/iteration-2/1/x.json"
    write(bad, '{"answers": [{"workerId"')
    for _ in range(2):
        answers = annotator.collect(batch, name)
        found = answers.judgements
        assert found is not None
        assert found.indices.tolist() == [6, 6, 8]
        assert found.labels.tolist() == [0, NO_LABEL, 1]
        assert found.people == ("ann", "bob", "ann")
        assert labels_of(answers) == {6: 0}
        assert len(answers.problems) == 1
        assert answers.problems[0].startswith(f"{bad}: not read")
    first, second = annotator.to_do({batch.batch_id: 1})
    assert "Ground Truth" in first
    assert second == f"  {name}: 1 items labelled, $2.07 to workers  (labels missing: 1)"


def test_its_own_consensus_counts_however_many_responses_can_be_read(fake: FakeSageMaker) -> None:
    batch = batch_of(6, 8, n_judgements=3)
    three = Settings(prices=PriceSettings(judgements_per_item=3))
    annotator = with_consensus(opened(fake), three)
    name = annotator.submit(batch)
    fake.label(name, {6: "cat", 8: "dog"}, workers={6: {"ann": "dog", "bob": "dog"}})
    answers = annotator.collect(batch, name)
    assert answers.complete
    assert labels_of(answers) == {6: 0, 8: 1}
    assert answers.judgements is not None
    assert answers.judgements.people == ("ann", "bob")


@pytest.mark.parametrize(
    "consensus", [{"rule": "dawid-skene"}, {"third_on_disagreement": True}], ids=str
)
def test_no_other_consensus_is_set_beside_its_own(consensus: dict[str, Any]) -> None:
    values = {
        "annotator": {"kind": "ground-truth", **REQUIRED},
        "prices": {"price_per_label": 0.05, "judgements_per_item": 2},
    }
    assert Settings.model_validate(values).prices.judgements_per_item == 2
    with pytest.raises(ValueError, match=r"annotator.kind 'ground-truth' makes one label"):
        Settings.model_validate({**values, "consensus": consensus})


def test_too_many_people(fake: FakeSageMaker) -> None:
    with pytest.raises(ValueError, match="n_judgements: expected 1 to 9, found 10"):
        opened(fake).submit(batch_of(1, n_judgements=10))


def test_a_job_s_name_follows_from_the_whole_batch() -> None:
    batches = [
        batch_of(1, 2),
        batch_of(2, 1),
        batch_of(1, 2, n_judgements=2),
        batch_of(1, 2, batch_id="x" * 200 + "_é"),
        batch_of(1, 2, batch_id="..."),
    ]
    names = [first_job_name(batch, "s3://b/p") for batch in batches]
    names.append(first_job_name(batches[0], "s3://b/q"))
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 60
    assert names[0] == first_job_name(batch_of(1, 2), "s3://b/p/")


def test_the_output_is_read_from_where_the_job_says(fake: FakeSageMaker) -> None:
    batch = batch_of(1)
    name = opened(fake).submit(batch)
    fake.label(name, {1: "cat"})
    line = json.loads(read(fake.jobs[name].output))
    assert line["mcal-label-metadata"]["class-name"] == "cat"
    assert line["mcal-index"] == 1


def test_a_read_that_takes_too_long_is_tried_again(
    fake: FakeSageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "READ_TIMEOUT_S", 0.1)
    annotator = opened(fake)
    fake.faults = [too_slow]
    annotator.submit(batch_of(1))
    assert len(fake.jobs) == 1
