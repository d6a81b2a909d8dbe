"""One policy for every service: what is tried again, how often, and after how long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from mcal.errors import AnnotatorError, MissingExtraError

try:
    import tenacity
except ImportError as error:
    raise MissingExtraError("tenacity", "services") from error

__all__ = ["ATTEMPTS", "LONGEST_WAIT_S", "Transient", "retried", "retried_async"]

T = TypeVar("T")

ATTEMPTS = 6
LONGEST_WAIT_S = 60.0


class Transient(Exception):
    """A call failed in a way that may pass: no connection, too many requests, a server's error.

    ``after_s`` is how long the service itself asked to wait.
    """

    def __init__(self, words: str, after_s: float | None = None) -> None:
        super().__init__(words)
        self.after_s = after_s


def retried(
    what: str,
    call: Callable[[], T],
    *,
    attempts: int = ATTEMPTS,
    on_retry: Callable[[str], None] | None = None,
) -> T:
    """``call()``, again after ``Transient`` errors.

    Waits 0.5 s, 1 s, 2 s, ... with jitter, never more than a minute; longer only where the service
    asks for it, and then no more than a minute either. What is called must be safe to repeat.

    Parameters
    ----------
    what : str
        What is tried, for messages: "Label Studio: import 100 tasks".
    call : callable
    attempts : int
        At least 1.
    on_retry : callable, optional
        Told in a sentence before each wait.

    Raises
    ------
    AnnotatorError
        When the last attempt failed too; its cause is chained.
    """
    try:
        return tenacity.Retrying(**_policy(what, attempts, on_retry))(call)
    except Transient as error:
        raise _gave_up(what, attempts, error) from error


async def retried_async(
    what: str,
    call: Callable[[], Awaitable[T]],
    *,
    attempts: int = ATTEMPTS,
    on_retry: Callable[[str], None] | None = None,
) -> T:
    """``await call()``, again after ``Transient`` errors; as ``retried``."""
    try:
        return await tenacity.AsyncRetrying(**_policy(what, attempts, on_retry))(call)
    except Transient as error:
        raise _gave_up(what, attempts, error) from error


def _policy(what: str, attempts: int, on_retry: Callable[[str], None] | None) -> dict[str, Any]:
    backoff = tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT_S)

    def wait_s(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.after_s if isinstance(error, Transient) else None
        return min(LONGEST_WAIT_S, max(backoff(state), asked_s or 0.0))

    def tell(state: tenacity.RetryCallState) -> None:
        if on_retry is not None and state.outcome is not None:
            on_retry(f"{what}: {state.outcome.exception()}; trying again")

    return {
        "retry": tenacity.retry_if_exception_type(Transient),
        "stop": tenacity.stop_after_attempt(attempts),
        "wait": wait_s,
        "before_sleep": tell,
        "reraise": True,
    }


def _gave_up(what: str, attempts: int, error: Transient) -> AnnotatorError:
    tried = "once" if attempts == 1 else f"{attempts} times"
    return AnnotatorError(f"{what}: tried {tried}, then gave up: {error}")
