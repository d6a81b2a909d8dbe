"""How fast the labelling page hands out and writes down, in batches of 100,000 items.

    python benchmarks/bench_inbox.py [--items 100000]

Checks first that two people label a small batch exactly once. A pick is timed at the beginning, in
the middle and near the end of a batch, and for somebody who has judged all of a batch that waits
for a second person; its peer is the plain query over all items, in the same file.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mcal.annotators.inbox import Inbox
from mcal.annotators.web.desk import Desk
from mcal.types import Batch, Purpose

_PLAIN = """
    SELECT item FROM order_items AS i WHERE "order" = ? AND (
        SELECT COUNT(*) FROM judgements AS j WHERE j."order" = i."order" AND j.item = i.item
    ) < 1 ORDER BY position LIMIT 8
"""


def batch(name: str, n: int, n_judgements: int = 1) -> Batch:
    names = tuple(f"photos/{index:08}.jpg" for index in range(n))
    return Batch(name, Purpose.TRAIN, 0, np.arange(n), names, ("cat", "dog"), n_judgements)


def check(folder: Path) -> None:
    inbox = Inbox(folder / "small")
    inbox.order(batch("b", 50))
    desk = Desk(inbox)
    while items := [(person, i) for person in ("ann", "bob") for i in desk.take(person, 3)]:
        for person, item in items:
            assert desk.say(item.order, item.index, item.index % 2, person)
    found = inbox.collect("b")
    assert found.indices.tolist() == list(range(50))
    assert found.labels.tolist() == [index % 2 for index in range(50)]


def timed_ms(work: Callable[[], object], n: int = 15) -> float:
    times = []
    for _ in range(n):
        began_s = time.perf_counter()
        work()
        times.append(time.perf_counter() - began_s)
    return 1e3 * statistics.median(times)


def judge(inbox: Inbox, order: int, person: str, first: int, last: int) -> None:
    with inbox.writing() as db:
        db.execute(
            'INSERT INTO judgements ("order", item, person, label, said_at)'
            ' SELECT "order", item, ?, 0, ? FROM order_items'
            ' WHERE "order" = ? AND n_wanted > 0 AND position >= ? AND position < ?',
            (person, "2026-01-01T00:00:00.000+00:00", order, first, last),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    n = parser.parse_args().items
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        check(folder)
        inbox = Inbox(folder / "large")
        began_s = time.perf_counter()
        inbox.order(batch("b-1", n))
        print(f"order {n:,} items: {time.perf_counter() - began_s:.2f} s")
        desk, done = Desk(inbox), 0
        for share in (0.0, 0.5, 0.999):
            judge(inbox, 1, "before", done, done := int(share * n))
            with inbox.reading() as db:
                plain_ms = timed_ms(lambda: db.execute(_PLAIN, (1,)).fetchall(), 3)
            print(
                f"{share:6.1%} judged: take 8 {timed_ms(lambda: desk.take('ann', 8)):.1f} ms, "
                f"plain query {plain_ms:.1f} ms, progress {timed_ms(desk.progress):.1f} ms"
            )
        items = iter(desk.take("ann", 30))

        def say() -> None:
            item = next(items)
            assert desk.say(item.order, item.index, 0, "ann")

        print(f"say {timed_ms(say):.1f} ms, flushed to disk")
        print(f"collect all {timed_ms(lambda: inbox.collect('b-1'), 3):.0f} ms")
        inbox.order(batch("b-2", n, n_judgements=2))
        judge(inbox, 2, "bob", 0, n // 2)
        print(
            f"two people an item, half way: take 8 {timed_ms(lambda: desk.take('bob', 8)):.1f} ms"
        )
        judge(inbox, 2, "bob", n // 2, n)
        judge(inbox, 1, "cem", 0, n)
        assert desk.take("bob", 8) == []
        print(f"nothing left for this person: {timed_ms(lambda: desk.take('bob', 8), 3):.0f} ms")


if __name__ == "__main__":
    main()
