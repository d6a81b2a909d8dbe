"""Who is asked: one table for each kind of annotator.

No secret is ever written here: a table names the environment variable that holds it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from .base import Model
from .ground_truth import GroundTruthSettings

__all__ = [
    "AnnotatorSettings",
    "CallableSettings",
    "FilesSettings",
    "GroundTruthSettings",
    "LabelStudioSettings",
    "OracleSettings",
    "WebSettings",
]

_HOST = r"(?:[^/@?#:\[\]\s]+|\[[0-9a-fA-F:.]+\])"
_PORT = r"(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"


_SECRET_IN_URL = re.compile(
    r"//[^/?#]*@|[?&][^=&]*(sig|token|key|secret|password|credential)[^=&]*=", re.IGNORECASE
)


class OracleSettings(Model):
    """Known labels, for evaluation and demonstrations."""

    kind: Literal["oracle"] = "oracle"
    path: Path | None = None
    """CSV or .npy file with the true labels (default: those of the data set)."""
    noise_rate: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of answers that are wrong."""


class FilesSettings(Model):
    """CSV files that people fill in."""

    kind: Literal["files"] = "files"
    path: Path | None = None
    """Folder for the CSV files (default: in the campaign's own folder)."""

    @model_validator(mode="before")
    @classmethod
    def _as_once_written(cls, values: Any) -> Any:
        """Campaigns of old keep the oracle's key, at 0, with the files annotator too."""
        if isinstance(values, dict) and values.get("noise_rate") == 0.0:
            return {key: value for key, value in values.items() if key != "noise_rate"}
        return values


class CallableSettings(Model):
    """A Python function that is called for each item."""

    kind: Literal["callable"] = "callable"
    function: Annotated[str, Field(pattern=r"^\w+(\.\w+)*:\w+(\.\w+)*$")]
    """"package.module:name"; also a coroutine function."""
    path: Path | None = None
    """Folder to import it from, besides the places that Python searches (default: that of the
    settings file)."""
    pass_as: Literal["item", "picture", "name"] = "item"
    """What it is called with: ``mcal.annotators.Item``, the picture, or the item's name."""
    calls_per_s: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """At most so many calls in a second."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 4
    """Calls at once."""
    timeout_s: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 60.0
    """For each try of a call."""
    attempts: Annotated[int, Field(ge=1)] = 6
    """Tries where a call timed out, lost its connection, or says that it may be tried again."""


class LabelStudioSettings(Model):
    """People who label in Label Studio."""

    kind: Literal["label-studio"] = "label-studio"
    url: str
    """Where the server is: "https://labels.example.com"."""
    project: int | str
    """The number of a project, or its title; a title that no project has makes a new one."""
    token_env: str = "LABEL_STUDIO_API_KEY"
    """The environment variable that holds a legacy token or a personal access token."""
    images: Literal["inline", "url", "local-files"] = "inline"
    """Whether tasks hold their images, or where Label Studio finds them."""
    image_url: str | None = None
    """Where "{item}" stands for an item's name. ``images = "url"``: an address. ``"local-files"``:
    a path below the server's own root for local files, default "{item}"."""
    timeout_s: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 60.0
    """How long to wait for an answer of the server before trying again."""
    show_guesses: bool = False
    """People see what the model thinks: faster, and it biases them. Never in the test set and the
    audit."""
    webhook_url: str | None = None
    """Where Label Studio reaches mcal, "http://192.168.1.5:8700": each annotation wakes
    ``mcal run --wait``, which otherwise looks every few seconds."""
    webhook_bind: str | None = None
    """Where mcal listens for that, "host:port" (default: 127.0.0.1 and the port of
    ``webhook_url``)."""

    @model_validator(mode="after")
    def _names_a_server_and_a_project(self) -> LabelStudioSettings:
        if not re.fullmatch(r"https?://[^/@?#\s]+(/[^@?#\s]*)?", self.url):
            raise ValueError(f'url: expected "https://host", found "{self.url}"')
        if isinstance(self.project, str) and not 3 <= len(self.project) <= 50:
            raise ValueError(f'project: expected 3 to 50 characters, found "{self.project}"')
        if isinstance(self.project, int) and self.project < 1:
            raise ValueError(f"project: expected a number above 0, found {self.project}")
        return self

    @model_validator(mode="after")
    def _knows_where_it_is_called(self) -> LabelStudioSettings:
        url, bind = self.webhook_url, self.webhook_bind
        if url is None:
            if bind is not None:
                raise ValueError("webhook_bind: only with webhook_url")
            return self
        address = re.fullmatch(rf"https?://{_HOST}(:{_PORT})?(/[^@?#\s]*)?", url)
        if address is None:
            raise ValueError(f'webhook_url: expected "http://host:port", found "{url}"')
        if bind is None and address[1] is None:
            raise ValueError(f'webhook_url: needs a port, or webhook_bind one, found "{url}"')
        if bind is not None and not re.fullmatch(rf"{_HOST}:{_PORT}", bind):
            raise ValueError(f'webhook_bind: expected "host:port", found "{bind}"')
        return self

    @model_validator(mode="after")
    def _knows_where_images_are(self) -> LabelStudioSettings:
        if self.image_url is not None and "{item}" not in self.image_url:
            raise ValueError(f'image_url: expected "{{item}}" in it, found "{self.image_url}"')
        if self.image_url is not None and _SECRET_IN_URL.search(self.image_url):
            raise ValueError("image_url: expected no password or token in it; settings are stored")
        if self.images == "url" and self.image_url is None:
            raise ValueError('image_url: needed for images = "url", found none')
        if self.images == "inline" and self.image_url is not None:
            raise ValueError('image_url: only for images = "url" or "local-files"')
        return self


class WebSettings(Model):
    """A page that ``mcal label`` serves."""

    kind: Literal["web"] = "web"
    undo_s: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 60.0
    """Seconds in which people can take an answer back; at most 10 once their batch is whole."""


AnnotatorSettings = Annotated[
    OracleSettings
    | FilesSettings
    | CallableSettings
    | LabelStudioSettings
    | WebSettings
    | GroundTruthSettings,
    Field(discriminator="kind"),
]
"""Any of them; ``kind`` says which."""
