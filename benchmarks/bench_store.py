"""A store of a million items: write, read, summarise, export; seconds, bytes, peak memory.

    python benchmarks/bench_store.py [--n-pool 1000000] [--formats csv,parquet,...] [--folder DIR]

One tenth is labelled by people, the rest by the machine. The pool is a folder of so many files, all
of them hard links to a few small PNGs, as a million of them would only measure the disk. Each
export is written by a process of its own, read back, and checked against what was told before its
time is printed; "peak" is that process's largest memory, and "above" what it took beyond an open
store. Names of items are made, not listed from the folder: what opening a pool costs is not the
export's.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import multiprocessing
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mcal.campaign.result import read_result
from mcal.export import FOLDER_FORMATS, export
from mcal.settings import Settings
from mcal.store import FILE_NAME, Store, summarise
from mcal.types import Purpose

T = TypeVar("T")

FORMATS = ("csv", "jsonl", "parquet", "manifest", *FOLDER_FORMATS, "pandas")
_FILES_IN_FOLDER = 1_000
_MOST_LINKS = 50_000  # to one file: file systems have a limit


def peak_mib() -> float:
    """Of this process; ``getrusage`` would tell that of a parent, if it was larger."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(what: str, job: Callable[[], T]) -> T:
    start, cpu_start = time.perf_counter(), time.process_time()
    answer = job()
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    print(f"{what:<28} {wall_s:8.3f} s   cpu {cpu_s:7.3f} s   peak {peak_mib():6.0f} MiB")
    return answer


def item_name(index: int) -> str:
    return f"{index // _FILES_IN_FOLDER:05d}/{index:08d}.png"


def make_files(root: Path, n_pool: int) -> None:
    """A pool of files, so many of them as few different ones."""
    from PIL import Image

    rng = np.random.default_rng(1)
    for index in range(n_pool):
        path = root / item_name(index)
        if index % _FILES_IN_FOLDER == 0:
            path.parent.mkdir(parents=True)
        if index % _MOST_LINKS == 0:
            data = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (28, 28), np.uint8)).save(data, "PNG")
            path.write_bytes(data.getvalue())
            original = path
        else:
            os.link(original, path)


def link_files(folder: Path, n_pool: int, n_classes: int) -> None:
    """What a tree of links costs the file system: the export's own share is what is above."""
    for number in range(n_classes):
        os.makedirs(folder / "bare" / str(number))
    pool, bare = str(folder / "pool"), str(folder / "bare")
    for index in range(n_pool):
        os.symlink(f"{pool}/{item_name(index)}", f"{bare}/{index % n_classes}/{index}.png")


# -- reading back ----------------------------------------------------------------------------------


def labels_of(path: Path, format: str) -> Iterator[str | None]:
    """The name of each item's class, by ascending index."""
    if format == "csv":
        with path.open(newline="", encoding="utf-8") as file:
            yield from (row["label"] or None for row in csv.DictReader(file))
    elif format in ("jsonl", "manifest"):
        with path.open(encoding="utf-8") as file:
            for line in map(json.loads, file):
                yield (
                    line["label"]
                    if format == "jsonl"
                    else line["mcal-label-metadata"]["class-name"]
                )
    elif format == "parquet":
        import pyarrow.parquet as pq

        yield from pq.read_table(path, columns=["label"])["label"].to_pylist()
    elif format == "label-studio":
        for part in sorted(path.glob("tasks-*.json")):
            for task in json.loads(part.read_text(encoding="utf-8")):
                (said,) = task.get("annotations") or task["predictions"]
                yield said["result"][0]["value"]["choices"][0]
    elif format == "imagefolder":
        with (path / "labels.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                assert row["file"].startswith(row["label"] + "/")
                assert os.readlink(f"{path}/{row['file']}") == f"{path.parent}/pool/{row['item']}"
                yield row["label"]
    else:
        import pyarrow.parquet as pq

        for part in sorted((path / "data").iterdir()):
            schema = json.loads(pq.read_schema(part).metadata[b"huggingface"])
            names = schema["info"]["features"]["label"]["names"]
            table = pq.read_table(part, columns=["label", "item", "image"])
            for row in range(0, len(table), 9_973):
                one = table.slice(row, 1).to_pylist()[0]
                original = path.parent / "pool" / one["item"]
                assert one["image"]["bytes"] == original.read_bytes()
            yield from (names[label] for label in table["label"].to_pylist())


def n_bytes(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _, names in os.walk(path)
        for name in names
    )


# -- one export, in a process of its own -----------------------------------------------------------


def measure(folder: Path, path: Path, format: str, answers: Any) -> None:
    with Store.open(folder, read_only=True) as reader:
        before_mib = peak_mib()
        start, cpu_start = time.perf_counter(), time.process_time()
        if format == "pandas":
            frame = read_result(reader, summarise(reader), item_name).to_pandas()
            labels = frame["label"].astype(object).tolist()
        else:
            export(
                reader,
                path,
                format,  # type: ignore[arg-type]
                item_name=item_name,
                item_path=lambda index: folder / "pool" / item_name(index),
            )
            labels = None
        wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    answers.put((wall_s, cpu_s, peak_mib(), before_mib, labels))


def bench(folder: Path, format: str, expected: list[str]) -> None:
    path = folder / f"labels-{format}"
    spawning = multiprocessing.get_context("spawn")  # nothing of this process's memory
    answers = spawning.Queue()
    process = spawning.Process(target=measure, args=(folder, path, format, answers))
    process.start()
    wall_s, cpu_s, peak, before, labels = answers.get()
    process.join()
    found = iter(labels) if labels is not None else labels_of(path, format)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == theirs
    size = f"{n_bytes(path) / 1e6:8.1f} MB" if labels is None else ""
    print(
        f"{format:<28} {wall_s:8.3f} s   cpu {cpu_s:7.3f} s   peak {peak:6.0f} MiB"
        f"   above {peak - before:5.0f} MiB   {size}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-pool", type=int, default=1_000_000)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--folder", type=Path, help="for the files; default: a temporary one")
    given = parser.parse_args()
    n_pool = given.n_pool
    print(f"{platform.machine()}, {os.cpu_count()} cores, n_pool = {n_pool:,}")

    rng = np.random.default_rng(0)
    classes = tuple(f"class {number}" for number in range(1000))
    truth = rng.integers(0, len(classes), n_pool)
    order = rng.permutation(n_pool)
    people, machine = order[: n_pool // 10], order[n_pool // 10 :]
    confidence = rng.random(len(machine))

    with tempfile.TemporaryDirectory(dir=given.folder) as made:
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
        timed(f"{n_pool:,} files", partial(make_files, folder / "pool", n_pool))
        timed(f"{n_pool:,} links, bare", partial(link_files, folder, n_pool, len(classes)))
        expected = [classes[number] for number in truth]
        for format in given.formats.split(","):
            bench(folder, format, expected)


if __name__ == "__main__":
    main()
