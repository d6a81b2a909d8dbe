"""The annotator: a batch becomes a labelling job, and another for what came back without label."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from mcal.errors import AnnotatorError
from mcal.manifest import ManifestLine, source_ref, write_augmented_manifest
from mcal.settings import GroundTruthSettings
from mcal.types import Answers, Batch, Judgements, Picture

from ..class_names import ClassNames
from .aws import Aws
from .delivery import Delivery, gather_judgements, read_delivery, read_order, read_response
from .orders import (
    BATCH_TAG,
    MOST_PEOPLE,
    category_file,
    first_job_name,
    item_file,
    job_name,
    job_request,
    template_file,
)

__all__ = ["GroundTruthAnnotator"]

_OVER = {"Completed", "Failed", "Stopped"}
_MOST_PROBLEMS = 100
_UPLOADS = 8  # at a time

_Order = Mapping[int, ManifestLine]


class GroundTruthAnnotator:
    """Orders labels as SageMaker Ground Truth labelling jobs, and reads their output manifests.

    The name of a batch's job follows from the batch, so that a process that was killed finds what
    it ordered. When a job is over, its items without a label are ordered again under the same name
    with "-2", "-3", ... up to ``settings.most_jobs``; a label that was delivered is never ordered
    again, and while anything delivered cannot be understood nothing is.

    Parameters
    ----------
    settings : GroundTruthSettings
    picture : callable
        Gives an item, by index, as people should see it; asked only to upload pictures.
    """

    name = "ground-truth"
    consolidates = True

    def __init__(
        self, settings: GroundTruthSettings, picture: Callable[[int], Picture | None]
    ) -> None:
        self._settings = settings
        self._picture = picture
        self._aws = Aws(settings)
        self._orders: dict[str, _Order] = {}  # read once: a job's input never changes
        self._responses: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self._progress: dict[str, str] = {}

    def to_do(self, missing: Mapping[str, int]) -> Sequence[str]:
        """Which jobs people work on, and what they have cost so far."""
        return [
            "the work team of Ground Truth is labelling",
            *(
                f"  {self._progress.get(batch_id, batch_id)}  (labels missing: {n_missing:,})"
                for batch_id, n_missing in missing.items()
            ),
        ]

    def submit(self, batch: Batch) -> str:
        """Order the batch's first job unless it is there; the ticket is its name.

        Raises
        ------
        ValueError
            More people are to judge an item than Ground Truth allows.
        AnnotatorError
            AWS refuses or cannot be reached, a picture cannot be shown, or the job's name is
            taken by a job that is not this batch's.
        """
        if not 1 <= batch.n_judgements <= MOST_PEOPLE:
            raise ValueError(
                f"n_judgements: expected 1 to {MOST_PEOPLE}, found {batch.n_judgements}"
            )
        name = first_job_name(batch, self._settings.s3_uri)
        description = self._aws.describe_job(name)
        if description is None:
            self._order(batch, name, self._lines(batch))
        else:
            self._check_is_ours(description, name, batch)
        return name

    def collect(self, batch: Batch, ticket: str) -> Answers:
        """The labels of all jobs of the batch so far; orders again what came back without one.

        Raises
        ------
        AnnotatorError
            The batch was never ordered here, AWS refuses or cannot be reached, or a job's files
            are gone.
        """
        if ticket != first_job_name(batch, self._settings.s3_uri):
            raise AnnotatorError(
                f"Ground Truth: batch {batch.batch_id} was ordered as {ticket}, elsewhere or with "
                "other settings"
            )
        words = ClassNames(batch.classes)
        labels: dict[int, int] = {}
        problems: list[str] = []
        said: list[tuple[int, str, int]] = []
        ordered: _Order = {}
        for number in range(1, self._settings.most_jobs + 1):
            name = job_name(ticket, number)
            description = self._aws.describe_job(name)
            missing = {index: line for index, line in ordered.items() if index not in labels}
            if description is None:
                if number == 1:
                    raise AnnotatorError(
                        f"Ground Truth: there is no labelling job {name} in "
                        f"{self._settings.region}; were region or account changed?"
                    )
                self._order(batch, name, list(missing.values()))
                break
            self._check_is_ours(description, name, batch)
            order = self._ordered(name)
            ordered = ordered or order
            delivery = self._delivery(description, name, order, words)
            labels = {**delivery.labels, **labels}  # what was delivered first stands
            problems += delivery.problems
            if batch.n_judgements > 1:
                said += self._said(name, order, words, problems)
            self._progress[batch.batch_id] = self._in_words(description)
            status = description["LabelingJobStatus"]
            missing = {index: line for index, line in ordered.items() if index not in labels}
            if status not in _OVER or not missing:
                break
            problems.append(_what_is_missing(description, delivery, missing))
            if not delivery.is_sound:
                problems.append(
                    f"{name}: nothing is ordered again while its output cannot be understood."
                )
                break
            if number == self._settings.most_jobs:
                problems.append(
                    f"{name}: the last of {number} jobs; give the labels still missing by "
                    "Campaign.tell."
                )
        problems += [
            f"{item}: cannot be shown, so it was not ordered; give its label by Campaign.tell."
            for index, item in zip(batch.indices.tolist(), batch.item_names, strict=True)
            if ordered and index not in ordered
        ]
        return _answers(batch, labels, problems, gather_judgements(said) if said else None)

    def _lines(self, batch: Batch) -> list[ManifestLine]:
        """The items as a job gets them; those that cannot be shown are left out."""
        indices = batch.indices.tolist()
        if self._settings.images == "upload":
            begun: dict[str, int] = {}  # equal pictures are one file, which one thread uploads
            with ThreadPoolExecutor(_UPLOADS) as pool:
                sources = list(pool.map(lambda index: self._upload(index, begun), indices))
        else:
            sources = [source_ref(self._settings.images, item) for item in batch.item_names]
        lines = [
            ManifestLine(source, index=index)
            for index, source in zip(indices, sources, strict=True)
            if source is not None
        ]
        if not lines:
            raise AnnotatorError(
                f"Ground Truth: none of the items of batch {batch.batch_id} can be shown, "
                f"'{batch.item_names[0]}' among them"
            )
        return lines

    def _upload(self, index: int, begun: dict[str, int]) -> str | None:
        picture = self._picture(index)
        if picture is None:
            return None
        name = item_file(picture.data, picture.media_type)
        if begun.setdefault(name, index) == index:
            self._aws.put_once(name, picture.data, picture.media_type)
        return self._aws.uri(name)

    def _order(self, batch: Batch, name: str, lines: Sequence[ManifestLine]) -> None:
        """Write the files of a job, then order it. Killed in between, it is done again."""
        files = {
            "manifest": (
                _manifest_file(name),
                "".join(write_augmented_manifest(lines)).encode("utf-8", "backslashreplace"),
                "application/jsonlines",
            ),
            "categories": (
                f"jobs/{name}/categories.json",
                category_file(batch.classes),
                "application/json",
            ),
            "template": (
                f"jobs/{name}/template.liquid",
                template_file(self._settings, batch.classes),
                "text/html",
            ),
        }
        for file in files.values():
            self._aws.put(*file)
        uris = {what: self._aws.uri(file[0]) for what, file in files.items()}
        uris["output"] = self._aws.uri("output")
        if not self._aws.create_job(job_request(self._settings, batch, name, uris)):
            description = self._aws.describe_job(name)
            if description is not None:
                self._check_is_ours(description, name, batch)

    def _check_is_ours(self, description: Mapping[str, Any], name: str, batch: Batch) -> None:
        source = description["InputConfig"]["DataSource"].get("S3DataSource", {})
        tags = {tag["Key"]: tag["Value"] for tag in description.get("Tags", ())}
        expected = self._aws.uri(_manifest_file(name))
        found = source.get("ManifestS3Uri")
        if found != expected or tags.get(BATCH_TAG, batch.batch_id) != batch.batch_id:
            raise AnnotatorError(
                f"Ground Truth: labelling job {name} is somebody else's (its manifest is {found}, "
                f"not {expected}); choose another annotator.s3_uri"
            )

    def _ordered(self, name: str) -> _Order:
        if name not in self._orders:
            uri = self._aws.uri(_manifest_file(name))
            data = self._aws.get(uri)
            if data is None:
                raise AnnotatorError(f"Ground Truth: {uri} is gone: what did job {name} order?")
            self._orders[name] = read_order(data.decode())
        return self._orders[name]

    def _delivery(
        self, description: Mapping[str, Any], name: str, order: _Order, words: ClassNames
    ) -> Delivery:
        output = description.get("LabelingJobOutput", {})
        written = self._aws.uri(f"output/{name}/manifests/output/output.manifest")
        uri = output.get("OutputDatasetS3Uri") or written
        data = self._aws.get(uri)
        if data is None:
            if description["LabelingJobStatus"] == "Completed":
                raise AnnotatorError(f"Ground Truth: job {name} is completed, but {uri} is gone")
            return Delivery()
        return read_delivery(data.decode("utf-8", "replace"), name, order, words)

    def _said(
        self, name: str, order: _Order, words: ClassNames, problems: list[str]
    ) -> Iterator[tuple[int, str, int]]:
        """Index, worker and label of each answer in a job's worker responses."""
        indices = list(order)
        for uri, version in self._aws.files(f"output/{name}/annotations/worker-response/"):
            position = uri.split("/")[-2]  # of the item in the job's manifest
            try:
                index = indices[int(position)]
                answers = self._response(uri, version)
            except (ValueError, IndexError) as error:
                problems.append(f"{uri}: not read: {error}.")
                continue
            for worker, category in answers:
                label = words.find(category)
                if label is None:
                    problems.append(f"{uri}: {words.why_not(category)}; not taken.")
                else:
                    yield index, worker, label

    def _response(self, uri: str, version: str) -> list[tuple[str, str]]:
        if (uri, version) not in self._responses:
            self._responses[uri, version] = read_response(self._aws.get(uri) or b"")
        return self._responses[uri, version]

    def _in_words(self, description: Mapping[str, Any]) -> str:
        counts = description["LabelCounters"]
        task = description["HumanTaskConfig"]
        n_labelled = counts.get("HumanLabeled", 0)
        words = f"{description['LabelingJobName']}: {n_labelled:,} items labelled"
        if self._settings.task_price_usd is not None:
            n_tasks = n_labelled * task["NumberOfHumanWorkersPerDataObject"]
            words += f", ${n_tasks * self._settings.task_price_usd:,.2f} to workers"
        return words


def _manifest_file(name: str) -> str:
    return f"jobs/{name}/input.manifest"


def _what_is_missing(description: Mapping[str, Any], delivery: Delivery, missing: _Order) -> str:
    name, status = description["LabelingJobName"], description["LabelingJobStatus"].lower()
    reason = description.get("FailureReason")
    index, line = next(iter(missing.items()))
    why = delivery.failed.get(index, "no reason given")
    return (
        f"{name}: {status}{f' ({reason})' if reason else ''}, {len(missing):,} items without a "
        f"label, {line.source_ref} among them: {why.rstrip('.')}."
    )


def _answers(
    batch: Batch, labels: Mapping[int, int], problems: list[str], judgements: Judgements | None
) -> Answers:
    found = [index for index in batch.indices.tolist() if index in labels]
    n_left_out = len(problems) - _MOST_PROBLEMS
    if n_left_out > 0:
        problems[_MOST_PROBLEMS:] = [f"{n_left_out:,} more problems of this kind."]
    return Answers(
        indices=np.array(found, np.int64),
        labels=np.array([labels[index] for index in found], np.int64),
        complete=len(found) == batch.indices.size,
        problems=tuple(problems),
        judgements=judgements,
    )
