"""AWS as far as labelling jobs need it: each call once, by mcal's own retry policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from mcal.errors import AnnotatorError, MissingExtraError
from mcal.settings import GroundTruthSettings

from ..retry import Transient, retried

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        HTTPClientError,
        IncompleteReadError,
        NoCredentialsError,
        ResponseStreamingError,
    )
    from botocore.parsers import ResponseParserError
except ImportError as error:
    raise MissingExtraError("boto3", "ground-truth") from error

__all__ = ["Aws", "RefusedError"]

T = TypeVar("T")

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0

_BUSY = {
    "BandwidthLimitExceeded",
    "InternalError",
    "InternalFailure",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_ABSENT = {"404", "NoSuchKey", "ResourceNotFound"}
_DENIED = {"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"}
_WRONG_REGION = {
    "301",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
}
_BROKEN_CONNECTION = (
    HTTPClientError,
    IncompleteReadError,
    ResponseParserError,
    ResponseStreamingError,
)


class RefusedError(AnnotatorError):
    """AWS understood a request and will not do it; asking again would not help."""

    def __init__(self, words: str, code: str, message: str) -> None:
        super().__init__(words)
        self.code = code
        self.message = message

    @property
    def is_absent(self) -> bool:
        """Whether the thing asked for is not there."""
        # SageMaker says so in two ways, by operation.
        no_resource = self.code == "ValidationException" and "not found" in self.message.lower()
        return self.code in _ABSENT or no_resource


class Aws:
    """SageMaker's labelling jobs and one bucket of S3; may be used by several threads."""

    def __init__(self, settings: GroundTruthSettings) -> None:
        self._region = settings.region
        self._bucket, _, prefix = settings.s3_uri.removeprefix("s3://").partition("/")
        self._prefix = prefix.strip("/")
        # No retries of botocore's own: all are made, and told, by annotators/retry.py.
        config = Config(
            region_name=settings.region,
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            max_pool_connections=16,
        )
        try:
            session = boto3.session.Session()
            self._sagemaker = session.client(
                "sagemaker", config=config, endpoint_url=settings.endpoint_url
            )
            self._s3 = session.client("s3", config=config, endpoint_url=settings.s3_endpoint_url)
        except (BotoCoreError, ValueError) as error:
            raise AnnotatorError(f"Ground Truth: {error}") from error

    def uri(self, name: str) -> str:
        """The address of a file under the prefix."""
        return f"s3://{self._bucket}/{self._key(name)}"

    def put(self, name: str, data: bytes, media_type: str) -> None:
        """Write a file under the prefix."""
        self._call(
            f"write {self.uri(name)}",
            lambda: self._s3.put_object(
                Bucket=self._bucket, Key=self._key(name), Body=data, ContentType=media_type
            ),
        )

    def put_once(self, name: str, data: bytes, media_type: str) -> None:
        """Write a file under the prefix unless there is one of this name."""
        try:
            self._call(
                f"look for {self.uri(name)}",
                lambda: self._s3.head_object(Bucket=self._bucket, Key=self._key(name)),
            )
        except RefusedError as refused:
            if not refused.is_absent:
                raise
            self.put(name, data, media_type)

    def get(self, uri: str) -> bytes | None:
        """A file, or None where there is none."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            return self._call(
                f"read {uri}",
                lambda: bytes(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()),
            )
        except RefusedError as refused:
            if refused.is_absent:
                return None
            raise

    def files(self, name: str) -> Iterator[tuple[str, str]]:
        """Address and version of every file whose name under the prefix begins so, by name."""
        more: dict[str, str] = {}
        while True:
            page = self._call(
                f"list {self.uri(name)}",
                lambda more=more: self._s3.list_objects_v2(  # type: ignore[misc]
                    Bucket=self._bucket, Prefix=self._key(name), **more
                ),
            )
            for entry in page.get("Contents", ()):
                yield f"s3://{self._bucket}/{entry['Key']}", str(entry["ETag"])
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def create_job(self, request: dict[str, Any]) -> bool:
        """Order a labelling job; False where there is one of this name."""
        try:
            self._call(
                f"create labelling job {request['LabelingJobName']}",
                lambda: _whole(self._sagemaker.create_labeling_job(**request), "LabelingJobArn"),
            )
        except RefusedError as refused:
            if refused.code == "ResourceInUse" or "already exists" in refused.message:
                return False
            raise
        return True

    def describe_job(self, name: str) -> dict[str, Any] | None:
        """What SageMaker says about a labelling job, or None where there is none."""
        try:
            description: dict[str, Any] = self._call(
                f"look at labelling job {name}",
                lambda: _whole(
                    self._sagemaker.describe_labeling_job(LabelingJobName=name),
                    "LabelingJobStatus",
                    "InputConfig",
                ),
            )
        except RefusedError as refused:
            if refused.is_absent:
                return None
            raise
        return description

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _call(self, what: str, request: Callable[[], T]) -> T:
        what = f"Ground Truth: {what}"

        def attempt() -> T:
            try:
                return request()
            except ClientError as error:
                answer = error.response
                code = str(answer.get("Error", {}).get("Code", ""))
                message = str(answer.get("Error", {}).get("Message", ""))
                http = answer.get("ResponseMetadata", {})
                status = http.get("HTTPStatusCode", 0)
                if code in _BUSY or status == 429 or status >= 500:
                    after_s = _seconds(http.get("HTTPHeaders", {}).get("retry-after"))
                    raise Transient(f"{code}: {message}", after_s) from error
                hint = self._hint(code, message)
                raise RefusedError(f"{what}: {code}: {message}{hint}", code, message) from error
            except _BROKEN_CONNECTION as error:
                raise Transient(str(error)) from error
            except NoCredentialsError as error:
                raise AnnotatorError(
                    f"{what}: {error}; nothing was ordered. Give them as to every AWS tool: "
                    "AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role"
                ) from error
            except BotoCoreError as error:
                raise AnnotatorError(f"{what}: {error}") from error

        return retried(what, attempt)

    def _hint(self, code: str, message: str) -> str:
        """What the user can do about a refusal."""
        is_late = "Signature expired" in message or "Signature not yet current" in message
        if code == "RequestTimeTooSkewed" or is_late:
            return "; the clock of this machine is wrong: set it, then go on"
        if code in _EXPIRED:
            return "; the credentials have expired: renew them, then go on"
        if code in _DENIED:
            return "; give these credentials the permissions listed in docs/annotators"
        if code == "NoSuchBucket":
            return f"; annotator.s3_uri names bucket '{self._bucket}': make it, or name another"
        if code in _WRONG_REGION:
            return f"; bucket '{self._bucket}' is not in annotator.region = '{self._region}'"
        return ""


def _whole(answer: dict[str, Any], *keys: str) -> dict[str, Any]:
    """``answer``, if it arrived: botocore makes an empty one of JSON that was cut off."""
    if any(key not in answer for key in keys):
        raise Transient("the answer was cut off")
    return answer


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdecimal() else None
