"""The CUDA engine on a GPU: checks every answer, then times it beside its peers and the copy rate.

    python benchmarks/bench_cuda.py [--points N] [--dimensions D] [--given M] [--picks K]
                                    [--classes C] [--repeats R] [--scale]

Needs torch and CuPy; the whole table needs 24 GB of device memory. Peers run in the same process on
the same arrays. The loops over centers are timed over some centers and multiplied; all else is
timed whole. Without a device it says so and exits with 77.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import mcal
from mcal.cuda import why_no_device
from mcal.selection import _reference

N_LOOP_CENTERS = 200  # of the loops that are multiplied


@dataclass(frozen=True)
class Timer:
    torch: Any
    repeats: int

    def __call__(self, work: Callable[[], Any], repeats: int | None = None) -> float:
        """Median wall seconds, after one run to warm up."""
        work()
        times = []
        for _ in range(repeats or self.repeats):
            self.torch.cuda.synchronize()
            start = perf_counter()
            work()
            self.torch.cuda.synchronize()
            times.append(perf_counter() - start)
        return median(times)


def line(name: str, seconds: float, *ratios: str) -> None:
    print(f"  {name:52} {1e3 * seconds:12.3f} ms  {'  '.join(ratios)}", flush=True)


def copy_rate(torch: Any, timed: Timer) -> float:
    """Bytes read and written per second."""
    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    rate = 2 * len(source) / timed(lambda: target.copy_(source), 21)
    print(f"copy on the device: {rate / 1e12:.2f} TB/s, read and written")
    return rate


# Uncertainty


def check_uncertainty(torch: Any) -> None:
    generator = torch.Generator("cuda").manual_seed(0)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        for n_classes in (2, 10, 1000, 100_000):
            logits = 4 * torch.randn(60, n_classes, generator=generator, device="cuda")
            scores = {"logits": logits.to(dtype)}
            if dtype == torch.float32:
                scores["probabilities"] = logits.softmax(1)
            for kind, given in scores.items():
                found = mcal.uncertainty(given, kind=kind, engine="cuda")
                wanted = _reference.uncertainty(given.float().cpu().numpy(), kind=kind)
                np.testing.assert_array_equal(found.label.cpu().numpy(), wanted.label)
                for name in ("deficit", "entropy", "least_confidence"):
                    np.testing.assert_allclose(
                        getattr(found, name).cpu().numpy(), getattr(wanted, name), rtol=4e-6
                    )
    print("uncertainty: agrees with the oracle, 2 to 100,000 classes, three types")


def time_uncertainty(torch: Any, timed: Timer, n: int, n_classes: int, rate: float) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        logits = torch.randn(n, n_classes, device="cuda", dtype=dtype)
        print(f"uncertainty, {n:,} x {n_classes:,} {dtype}")
        jobs: dict[str, Callable[[], Any]] = {
            "amax": lambda x=logits: x.amax(1),
            "topk(2)": lambda x=logits: x.topk(2),
            "softmax, topk(2)": lambda x=logits: x.softmax(1).topk(2),
            "softmax, entropy": lambda x=logits: torch.special.entr(x.softmax(1)).sum(1),
        }
        ours = timed(lambda x=logits: mcal.uncertainty(x, engine="cuda"))
        bytes_read = logits.numel() * logits.element_size()
        line("mcal.uncertainty, all four", ours, f"{bytes_read / ours / rate:.2f} of the copy rate")
        for name, job in jobs.items():
            theirs = timed(job)
            line(f"torch {name}", theirs, f"{theirs / ours:.2f} x mcal")
        del logits


# Selection


def check_smallest_k(torch: Any) -> None:
    rng = np.random.default_rng(1)
    for n in (1, 1000, 100_003):
        for values in (rng.standard_normal(n), rng.integers(0, 5, n), rng.random(n, np.float32)):
            on_device = torch.from_numpy(values).cuda()
            for k in {1, n // 3, n}:
                smallest = mcal.smallest_k(on_device, k, engine="cuda").cpu().numpy()
                largest = mcal.largest_k(on_device, k, engine="cuda").cpu().numpy()
                for found, wanted in (
                    (smallest, _reference.first_k(values, k, largest=False)),
                    (largest, _reference.first_k(values, k, largest=True)),
                ):
                    np.testing.assert_array_equal(found, wanted)
    print("smallest_k, largest_k: the same as a stable sort")


def time_smallest_k(torch: Any, timed: Timer, n: int) -> None:
    values = torch.rand(n, device="cuda")
    print(f"smallest_k of {n:,} float32")
    for k in (100, n // 100, n // 2, n):
        ours = timed(lambda k=k: mcal.smallest_k(values, k, engine="cuda"))
        line(f"mcal.smallest_k, k = {k:,}", ours)
        topk = timed(lambda k=k: values.topk(k, largest=False))
        line("torch topk, without a rule for ties", topk, f"{topk / ours:.2f} x mcal")
    whole = timed(lambda: values.sort(stable=True))
    line("torch stable sort", whole, f"{whole / ours:.2f} x mcal at k = n")


# k-center


def clusters(torch: Any, n: int, d: int) -> Any:
    """Like embeddings: clusters of very different width around centers of their own."""
    generator = torch.Generator("cuda").manual_seed(2)
    at = torch.randint(0, 1000, (n,), generator=generator, device="cuda")
    widths = torch.exp(0.5 * torch.randn(1000, 1, generator=generator, device="cuda"))
    x = torch.randn(n, d, generator=generator, device="cuda")
    x *= widths[at]
    means = 2 * torch.randn(1000, d, generator=generator, device="cuda")
    for begin in range(0, n, 1 << 17):  # no second array of that size
        x[begin : begin + (1 << 17)] += means[at[begin : begin + (1 << 17)]]
    return x


def exact_loop(x: np.ndarray, k: int, centers: np.ndarray) -> np.ndarray:
    """The plain loop in float64; exact for whole numbers."""
    x = x.astype(np.float64)
    value = np.full(len(x), np.inf)
    for i in centers:
        value = np.minimum(value, ((x - x[i]) ** 2).sum(1))
    value[centers] = -1.0
    picks = np.empty(k, np.int64)
    for p in range(k):
        picks[p] = best = value.argmax()
        value = np.minimum(value, ((x - x[best]) ** 2).sum(1))
        value[best] = -1.0
    return picks


def check_k_center(torch: Any) -> None:
    rng = np.random.default_rng(3)
    whole = rng.integers(-8, 9, (20_001, 64)).astype(np.float32)
    centers = rng.permutation(len(whole))[:50]
    found = mcal.k_center(torch.from_numpy(whole).cuda(), 500, centers=centers, engine="cuda")
    np.testing.assert_array_equal(found.positions.cpu().numpy(), exact_loop(whole, 500, centers))
    print("k_center: 500 picks among 20,001 points of whole numbers, the same as the plain loop's")
    x = clusters(torch, 50_003, 200)
    tight = 100 + 1e-3 * torch.randn(5003, 33, device="cuda")
    equal = torch.ones(3000, 7, device="cuda")
    for data, k in ((x, 2000), (tight, 300), (equal, 300), (x[:3000], 3000), (x[:, :1], 200)):
        for dtype in (torch.float32, torch.float16, torch.bfloat16):
            for metric in ("squared_euclidean", "cosine"):
                given = data.to(dtype)
                on_host = given.float().cpu().numpy()
                wanted = mcal.k_center(on_host, k, metric=metric)
                for place in (given, given.cpu()):
                    found = mcal.k_center(place, k, metric=metric, engine="cuda")
                    for name in ("positions", "distances"):
                        np.testing.assert_array_equal(
                            np.asarray(getattr(found, name).cpu()), getattr(wanted, name)
                        )
    print("k_center: positions and distances are the CPU's to the last bit, on 60 inputs")


def product_loop(torch: Any, x: Any, k: int, value: Any) -> Any:
    """A matrix-vector product a center."""
    squares = torch.linalg.vecdot(x, x)
    picks = torch.empty(k, dtype=torch.int64, device="cuda")
    for p in range(k):
        best = value.argmax()
        picks[p] = best
        value = torch.minimum(value, squares + squares[best] - 2 * (x @ x[best]))
    return picks


def norm_loop(torch: Any, x: Any, k: int, value: Any) -> Any:
    """``linalg.norm`` of all differences a center."""
    picks = torch.empty(k, dtype=torch.int64, device="cuda")
    for p in range(k):
        best = value.argmax()
        picks[p] = best
        value = torch.minimum(value, torch.linalg.norm(x - x[best], dim=1))
    return picks


def anomalib_loop(torch: Any, x: Any, k: int, value: Any) -> Any:
    from anomalib.models.components import KCenterGreedy

    return KCenterGreedy(x, sampling_ratio=k / len(x)).select_coreset_idxs()


def count_same_picks(torch: Any, x: Any, centers: np.ndarray, picks: Any) -> int:
    """How many of the first picks are those of torch's product loop, which rounds otherwise."""
    squares = torch.linalg.vecdot(x, x)
    value = torch.full((len(x),), torch.inf, device="cuda")
    for given in torch.from_numpy(centers).cuda().split(64):
        cross = torch.addmm(squares[given][None], x, x[given].T, alpha=-2.0)
        value = torch.minimum(value, squares + cross.amin(dim=1))
    k = min(N_LOOP_CENTERS, len(picks))
    return int((product_loop(torch, x, k, value) == picks[:k]).sum())


def loop_rates(torch: Any, timed: Timer, x: Any) -> dict[str, float]:
    """Seconds a center."""
    loops = {"torch, matrix-vector product": product_loop, "torch, linalg.norm": norm_loop}
    if find_spec("anomalib") and x.dtype == torch.float32:
        loops["anomalib"] = anomalib_loop
    value = torch.full((len(x),), torch.inf, device="cuda")
    k = min(N_LOOP_CENTERS, len(x))
    seconds = {}
    for name, loop in loops.items():
        try:
            seconds[name] = timed(lambda loop=loop: loop(torch, x, k, value), 1) / k
        except torch.cuda.OutOfMemoryError:
            print(f"  {name}: out of memory")
    return seconds


def time_k_center(torch: Any, timed: Timer, x: Any, m: int, k: int, rate: float, what: str) -> None:
    n, d = x.shape
    print(f"k_center, {n:,} x {d:,} {x.dtype}, {what}, {m:,} centers given, k = {k:,}")
    centers = np.random.default_rng(4).permutation(n)[:m]
    found = mcal.k_center(x, k, centers=centers, engine="cuda")
    ours = timed(lambda: mcal.k_center(x, k, centers=centers, engine="cuda"))
    given = timed(lambda: mcal.k_center(x, 1, centers=centers, engine="cuda"))
    read = x.numel() * x.element_size() / rate
    line("mcal.k_center", ours, f"{found.n_full_passes} passes of {1e3 * read:.2f} ms at copy rate")
    line("  of it for the given centers and one pick", given)
    if x.dtype == torch.float32:
        same = count_same_picks(torch, x, centers, found.positions)
        print(f"  {same} of the first {min(N_LOOP_CENTERS, k)} picks are torch's too")
    for name, seconds in loop_rates(torch, timed, x).items():
        whole = seconds * (m + k)
        line(f"{name}: {1e3 * seconds:.2f} ms a center", whole, f"{whole / ours:.1f} x mcal")


def time_worst_cases(torch: Any, timed: Timer, n: int, d: int) -> None:
    """Beside mcal's own step of the plain loop, a pass over x, at the rate of torch's."""
    k = 500
    steps = torch.randn(n, d, device="cuda")
    steps *= torch.linspace(1, 2, n, device="cuda")[:, None] / d**0.5
    cases = {
        "all points equal": torch.ones(n, d, device="cuda"),
        "one tight cluster far from the origin": 1000 + 1e-3 * torch.randn(n, d, device="cuda"),
        "lengths in steps": steps,
        "normal": torch.randn(n, d, device="cuda"),
    }
    for name, x in cases.items():
        found = mcal.k_center(x, k, engine="cuda")
        ours = timed(lambda x=x: mcal.k_center(x, k, engine="cuda"), 3)
        plain = loop_rates(torch, timed, x)["torch, matrix-vector product"] * k
        ratio = f"{ours / plain:.2f} of torch's product loop, {found.n_full_passes} passes"
        line(f"{name}, {n:,} x {d}, k = {k}", ours, ratio)


def scale(torch: Any, timed: Timer) -> None:
    print("k_center, scaling: clusters, D = 128, no center given; seconds (full passes)")
    picks = (100, 1000, 10_000, 100_000)
    print(f"  {'N':>12} " + " ".join(f"{f'k = {k:,}':>20}" for k in picks))
    for n in (10**4, 10**5, 10**6, 10**7):
        x = clusters(torch, n, 128)
        cells = []
        for k in picks:
            if k > n:
                cells.append("")
                continue
            found = mcal.k_center(x, k, engine="cuda")
            seconds = timed(lambda x=x, k=k: mcal.k_center(x, k, engine="cuda"), 1)
            cells.append(f"{seconds:.4f} ({found.n_full_passes:,})")
        print(f"  {n:>12,} " + " ".join(f"{cell:>20}" for cell in cells), flush=True)
        del x


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=1_281_167)
    parser.add_argument("--dimensions", type=int, default=1280)
    parser.add_argument("--given", type=int, default=1000)
    parser.add_argument("--picks", type=int, default=12_811)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scale", action="store_true", help="the scaling table alone")
    options = parser.parse_args()
    why_not = why_no_device()
    if why_not is None and not find_spec("torch"):
        why_not = "torch is not installed"
    if why_not is not None:
        print(f"nothing was timed: {why_not}")
        return 77
    import torch

    n, m, k = options.points, options.given, options.picks
    timed = Timer(torch, options.repeats)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, ", end="")
    print(f"median of {options.repeats} after one to warm up")
    check_k_center(torch)
    if options.scale:
        scale(torch, timed)
        return 0
    check_uncertainty(torch)
    check_smallest_k(torch)
    rate = copy_rate(torch, timed)
    time_uncertainty(torch, timed, n, options.classes, rate)
    time_smallest_k(torch, timed, n)
    torch.cuda.empty_cache()  # what torch keeps for itself is not free to mcal
    x = clusters(torch, n, options.dimensions)
    time_k_center(torch, timed, x, m, k, rate, "clusters")
    time_k_center(torch, timed, x.half(), m, k, rate, "clusters")
    x.normal_()
    time_k_center(torch, timed, x, m, k, rate, "normal")
    del x
    torch.cuda.empty_cache()
    time_worst_cases(torch, timed, 200_000, 512)
    return 0


if __name__ == "__main__":
    sys.exit(main())
