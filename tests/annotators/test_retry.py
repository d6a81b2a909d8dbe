import asyncio

import pytest

from mcal.annotators import retry
from mcal.annotators.retry import Transient, retried, retried_async
from mcal.errors import AnnotatorError


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits, which nobody waits for."""
    found: list[float] = []

    async def wait(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(retry.tenacity.nap.time, "sleep", found.append)
    monkeypatch.setattr(asyncio, "sleep", wait)
    return found


class Service:
    """Fails as often as told, then answers."""

    def __init__(self, n_failures: int, error: Exception) -> None:
        self.n_calls, self._n_failures, self._error = 0, n_failures, error

    def __call__(self) -> str:
        self.n_calls += 1
        if self.n_calls <= self._n_failures:
            raise self._error
        return "answer"


@pytest.mark.parametrize("is_async", [False, True])
def test_what_may_pass_is_tried_again(waits: list[float], is_async: bool) -> None:
    service, told = Service(3, Transient("503")), list[str]()

    async def later() -> str:
        return service()

    if is_async:
        answer = asyncio.run(retried_async("ask", later, on_retry=told.append))
    else:
        answer = retried("ask", service, on_retry=told.append)
    assert answer == "answer"
    assert service.n_calls == 4
    assert told == ["ask: 503; trying again"] * 3
    assert len(waits) == 3
    assert all(wait <= most for wait, most in zip(waits, (0.5, 1.0, 2.0), strict=True))


def test_it_gives_up_in_words(waits: list[float]) -> None:
    service = Service(99, Transient("no connection"))
    with pytest.raises(
        AnnotatorError, match=r"^ask: tried 6 times, then gave up: no connection$"
    ) as caught:
        retried("ask", service)
    assert isinstance(caught.value.__cause__, Transient)
    assert service.n_calls == 6
    assert len(waits) == 5


def test_what_will_not_pass_is_not_repeated() -> None:
    service = Service(1, AnnotatorError("the token is wrong"))
    with pytest.raises(AnnotatorError, match=r"^the token is wrong$"):
        retried("ask", service)
    assert service.n_calls == 1


@pytest.mark.parametrize(("asked_s", "waited_s"), [(7.0, 7.0), (3_600.0, 60.0)])
def test_a_service_says_when_to_come_again(
    waits: list[float], asked_s: float, waited_s: float
) -> None:
    assert retried("ask", Service(1, Transient("429", asked_s))) == "answer"
    assert waits == [waited_s]
