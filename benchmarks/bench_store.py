"""A store of a million items: write, read, summarise, export; seconds, bytes, peak memory.

    python benchmarks/bench_store.py [--n-pool 1000000]

One tenth is labelled by people, the rest by the machine. Every export is checked against what was
told before its time is printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from mcal.export import export
from mcal.settings import Settings
from mcal.store import FILE_NAME, Store, summarise
from mcal.types import Purpose

T = TypeVar("T")


def timed(what: str, job: Callable[[], T]) -> T:
    start, cpu_start = time.perf_counter(), time.process_time()
    answer = job()
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:<28} {wall_s:8.3f} s   cpu {cpu_s:7.3f} s   peak {peak_mib:6.0f} MiB")
    return answer


def column(path: Path, format: str, name: str) -> list[str | None]:
    if format == "csv":
        with path.open(newline="", encoding="utf-8") as file:
            return [row[name] or None for row in csv.DictReader(file)]
    if format == "jsonl":
        with path.open(encoding="utf-8") as file:
            return [json.loads(line)[name] for line in file]
    import pyarrow.parquet as pq

    labels: list[str | None] = pq.read_table(path, columns=[name])[name].to_pylist()
    return labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-pool", type=int, default=1_000_000)
    n_pool = parser.parse_args().n_pool
    print(f"{platform.machine()}, {os.cpu_count()} cores, n_pool = {n_pool:,}")

    rng = np.random.default_rng(0)
    classes = tuple(f"class {number}" for number in range(1000))
    truth = rng.integers(0, len(classes), n_pool)
    order = rng.permutation(n_pool)
    people, machine = order[: n_pool // 10], order[n_pool // 10 :]
    confidence = rng.random(len(machine))

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        store = Store.create(
            folder,
            settings_json=Settings().model_dump_json(),
            n_pool=n_pool,
            classes=classes,
            pool_kind="images",
            pool_fingerprint="f00d",
            broken={},
        )

        def buy() -> str:
            return store.add_batch(
                purpose=Purpose.TRAIN,
                round=0,
                indices=people,
                selection="margin",
                engine="cpu",
                price_per_label=0.04,
                reason="",
            ).batch_id

        batch_id = timed(f"buy {len(people):,}", buy)
        timed(f"tell {len(people):,}", lambda: store.tell(batch_id, people, truth[people]))
        timed(
            "tell 10 of them again", lambda: store.tell(batch_id, people[:10], truth[people[:10]])
        )
        timed(
            f"machine-label {len(machine):,}",
            lambda: store.add_machine_labels(
                round=0,
                classifier="cnn18/fast",
                indices=machine,
                labels=truth[machine],
                confidence=confidence,
                fee_usd_each=0.0,
                reason="",
                details={},
            ),
        )
        store.close()
        size_mb = (folder / FILE_NAME).stat().st_size / 1e6
        print(f"{'store':<28} {size_mb:8.1f} MB, {1e6 * size_mb / n_pool:.1f} bytes an item")

        with Store.open(folder, read_only=True) as reader:
            timed("labels", reader.labels)
            timed("machine labels", reader.machine_labels)
            summary = timed("summarise", lambda: summarise(reader))
            assert (summary.n_human, summary.n_machine) == (len(people), len(machine))
            expected = [classes[number] for number in truth]
            for format in ("csv", "jsonl", "parquet"):
                path = folder / f"labels.{format}"
                timed(
                    f"export {format}",
                    lambda path=path, format=format: export(
                        reader, path, format, item_name=lambda index: f"train/{index:08d}.jpg"
                    ),
                )
                print(f"{'':<28} {path.stat().st_size / 1e6:8.1f} MB")
                assert column(path, format, "label") == expected


if __name__ == "__main__":
    main()
