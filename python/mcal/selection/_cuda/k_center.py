"""Exact greedy k-center on a CUDA device: picks and distances are the same bits as the CPU's.

The distance to the nearest center only falls as centers are added. So when the values of all rows
are exact, and M candidates with the largest of them are kept exact while centers are added, the
best candidate is the farthest row for as long as it is better than what the best row outside was:
one kernel picks until it is not, and reads no other row. Then all rows are brought up to date with
the new centers, in one pass over ``x``, and there are new candidates.

A pass needs few exact distances: products of rows and centers on tensor cores, with a proven bound
on their error, say which can be below a row's value (``cuda/k_center.cu``, ``reach_of``). Where
they can tell little, as when all rows are nearly equal, more distances are computed, never more
than the plain loop's.

Candidates are as many as all shared memory holds; one, with a pass for each, where it holds none.

Where rounds yield few picks, rows on the device go on by passes of one center each, as the plain
loop does; rows on the host do not, since any pass over them costs the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import frexp
from typing import Any, Literal

import numpy as np

from ...types import IndexArray
from . import k_center_kernels as kernels
from .device import Device
from .k_center_checks import check_arguments, fail_row
from .k_center_kernels import DTYPES, MAX_ROWS, Centers, Copies, Frame, Matrix, round_up
from .rows import Resident, Rows, open_rows, with_adjacent_columns
from .smallest_k import smallest_k

__all__ = ["Sizes", "k_center"]

LOW_BITS = 0xFFFFFFFF


@dataclass(frozen=True)
class Sizes:
    """How much is done at a time. Nothing but time and memory depends on it."""

    candidates: int = 8192  # at most
    tile_rows: int = 8192  # of a product, which with tile_centers columns takes 32 MiB of L2 cache
    tile_centers: int = 1024  # a multiple of 8
    given_bytes: int = 256 << 20  # of given centers in one pass
    chunk_bytes: int = 256 << 20  # of rows on their way from the host; there are two such chunks
    sample: int = 1024  # rows that tell the mean and the scale of x
    few_picks: int = 16  # fewer from one round are cheaper by passes of one center
    max_plain_picks: int = 256


DEFAULT_SIZES = Sizes()


def k_center(
    device: Device,
    x: Any,
    dtype: str,
    k: int,
    *,
    centers: IndexArray,
    center_vectors: Any | None,
    metric: Literal["squared_euclidean", "cosine"],
    on_device: bool,
    sizes: Sizes = DEFAULT_SIZES,
) -> tuple[Any, Any, int]:
    """Positions (k,) int64 and distances (k,) float32 on the device, and the number of passes.

    ``x`` (N, D) is the device's if ``on_device``, else NumPy's; ``center_vectors`` (M, D) is the
    device's. Both are of ``dtype``, bfloat16 as uint16. ``centers`` is NumPy's, of int64. Raises
    what ``mcal.k_center`` does.
    """
    check_arguments(x, dtype, k, centers, center_vectors, metric)
    n, d = x.shape
    vectors = None if center_vectors is None or len(center_vectors) == 0 else center_vectors
    n_given = len(centers) + (0 if vectors is None else len(vectors))
    is_cosine = metric == "cosine"
    layout = _Layout(device, n, d, n_given, is_cosine, sizes)
    if kernels.fold_bytes(layout.stride) > device.max_shared_bytes:
        expected = f"rows that fit into {device.max_shared_bytes:,} bytes of shared memory"
        raise ValueError(f"x: expected {expected}, found {d:,} columns")
    rows = open_rows(
        device,
        x,
        on_device=on_device,
        n_at_once=layout.n_candidates,
        work_bytes=layout.work_bytes,
        chunk_bytes=sizes.chunk_bytes,
    )
    greedy = _Greedy(device, rows, (n, d), DTYPES.index(dtype), is_cosine, layout, sizes)
    given = None if vectors is None else greedy.checked(with_adjacent_columns(device.xp, vectors))
    greedy.open()
    if given is not None:
        greedy.give_vectors(given)
    greedy.give_positions(centers)
    return greedy.pick(k, any_given=n_given > 0)


class _Layout:
    """Shapes of the buffers for one problem."""

    def __init__(
        self, device: Device, n: int, d: int, n_given: int, is_cosine: bool, sizes: Sizes
    ) -> None:
        self.stride = round_up(d, 8)  # of float32 rows and of their copies
        at_once = device.n_multiprocessors * kernels.picking_rows(device, d)
        self.n_candidates = max(1, min(n, sizes.candidates, at_once))
        in_one_pass = max(1, sizes.given_bytes // (4 * self.stride))
        self.n_centers = round_up(max(self.n_candidates, min(n_given, in_one_pass)), 8)
        self.tile_rows = min(n, sizes.tile_rows)
        self.tile_centers = min(self.n_centers, sizes.tile_centers)
        self.n_inverse_lengths = n if is_cosine else 1
        self.work_bytes = (
            40 * n  # values, and room to select candidates
            + 8 * self.n_inverse_lengths
            + (4 * self.stride + 64) * (self.n_candidates + self.n_centers)
            + 8 * self.n_candidates * device.n_multiprocessors  # what blocks tell each other
            + (2 * self.stride + 24) * (self.n_centers + self.tile_rows)
            + 4 * self.tile_rows * self.tile_centers
        )


class _Greedy:
    def __init__(
        self,
        device: Device,
        rows: Rows,
        shape: tuple[int, int],
        dtype: int,
        is_cosine: bool,
        layout: _Layout,
        sizes: Sizes,
    ) -> None:
        xp = device.xp
        self._device, self._rows, self._layout, self._sizes = device, rows, layout, sizes
        self._n, self._d = shape
        self._dtype, self._is_cosine = dtype, is_cosine
        self._values = xp.full(self._n, np.inf, np.float32)  # to the nearest center; -1 for one
        self._inverse_lengths = xp.zeros(layout.n_inverse_lengths, np.float64)
        self._first_bad = xp.full(1, MAX_ROWS, np.uint64)
        self._is_checked = False
        self._frame = Frame(xp.zeros(layout.stride, np.float32), 1.0)
        self._candidates = xp.zeros((layout.n_candidates, layout.stride), np.float32)
        self._centers = xp.zeros((layout.n_centers, layout.stride), np.float32)
        self._n_recent = 0  # centers that the values do not know yet
        self._copies_of_centers = self._new_copies(layout.n_centers)
        self._copies_of_tile = self._new_copies(layout.tile_rows)
        self._products = xp.zeros(layout.tile_rows * layout.tile_centers, np.float32)
        self._n_taken = 0
        self._n_full_passes = 0
        self._positions: list[Any] = [xp.zeros(0, np.int64)]
        self._distances: list[Any] = [xp.zeros(0, np.float32)]

    def _new_copies(self, n: int) -> Copies:
        xp = self._device.xp
        return Copies(
            # Zeros, because rows behind the last one are multiplied too.
            xp.zeros((n, self._layout.stride), np.float16),
            xp.zeros((n, 2), np.float64),
            xp.zeros(n, np.float32),
            xp.zeros(n, np.float32),
        )

    # What is given

    def checked(self, vectors: Any) -> Matrix:
        lengths = self._device.xp.zeros(len(vectors), np.float64)
        matrix = Matrix(vectors, self._dtype, lengths, self._is_cosine)
        first_bad = self._device.xp.full(1, MAX_ROWS, np.uint64)
        kernels.check(self._device, matrix, self._is_cosine, 0, first_bad)
        self._raise_if_any("center_vectors", Resident(vectors), first_bad)
        return matrix

    def open(self) -> None:
        """Checks ``x`` if it is on the device, and looks at a sample of it."""
        if isinstance(self._rows, Resident):
            for first, x in self._chunks():
                kernels.check(self._device, x, self._is_cosine, first, self._first_bad)
            self._finish_check()
        xp = self._device.xp
        step = -(-self._n // min(self._sizes.sample, self._layout.n_candidates))
        positions = xp.arange(0, self._n, step, dtype=np.int64)
        self._gather(positions, self._candidates)
        sample = self._candidates[: len(positions), : self._d].astype(np.float64)
        if not bool(xp.isfinite(sample).all()):
            return  # the check of the first pass will tell
        # Any mean and scale are correct; with these, little is lost to rounding.
        mean = self._frame.mean
        mean[: self._d] = sample.mean(axis=0).astype(np.float32)
        sample -= mean[: self._d]
        largest = float((sample * sample).sum(axis=1).max()) ** 0.5
        self._frame = Frame(mean, 2.0 ** (15 - frexp(largest)[1]) if largest > 0.0 else 1.0)

    def give_vectors(self, vectors: Matrix) -> None:
        for begin in range(0, len(vectors), self._layout.n_centers):
            end = min(begin + self._layout.n_centers, len(vectors))
            positions = self._device.xp.arange(begin, end, dtype=np.int64)
            room = self._room(len(positions))
            kernels.gather(self._device, vectors, _keys_of(positions), room, self._values)

    def give_positions(self, centers: IndexArray) -> None:
        for begin in range(0, len(centers), self._layout.n_centers):
            part = centers[begin : begin + self._layout.n_centers]
            positions = self._device.xp.asarray(part, dtype=np.int64)
            self._gather(positions, self._room(len(positions)))
            self._values[positions] = -1.0
        self._n_taken += len(centers)

    def _room(self, n: int) -> Any:
        """Where the next n recent centers go."""
        if self._n_recent + n > self._layout.n_centers:
            self._full_pass()
        self._n_recent += n
        return self._centers[self._n_recent - n : self._n_recent]

    # Picking

    def pick(self, k: int, *, any_given: bool) -> tuple[Any, Any, int]:
        xp = self._device.xp
        if k > 0 and not any_given:
            self._note(xp.zeros(1, np.int64), xp.full(1, np.inf, np.float32))
            self.give_positions(np.zeros(1, np.int64))
            k -= 1
        self._full_pass()
        run = 0  # of picks made plainly after the last round, longer each time rounds fail
        while k > 0:
            n_picked = self._pick_lazily(k)
            few = self._sizes.few_picks
            is_dear = n_picked < few and isinstance(self._rows, Resident)
            run = min(max(2 * run, few), self._sizes.max_plain_picks) if is_dear else 0
            k -= n_picked
            if k > 0:
                self._full_pass()
            if k > 0 and run > 0:
                k -= self._pick_plainly(min(k, run))
                if k > 0:
                    self._full_pass()
        distances = xp.concatenate(self._distances)
        if self._is_cosine:
            distances *= np.float32(0.5)
        return xp.concatenate(self._positions), distances, self._n_full_passes

    def _pick_lazily(self, k: int) -> int:
        """Picks from new candidates for as long as that is exact: at least once, at most k times.

        All values are exact before; afterwards the picks are recent centers.
        """
        device, xp = self._device, self._device.xp
        n_left = self._n - self._n_taken
        n = min(self._layout.n_candidates, n_left)
        farthest = smallest_k(device, self._values, min(n + 1, n_left), largest=True)
        # In the order of positions, so that of equally far ones the lower slot is the right one.
        positions = xp.sort(farthest[:n])
        outside = np.uint64(0)
        if n < n_left:
            best_outside = farthest[n : n + 1]
            slot = int(xp.searchsorted(positions, best_outside)[0])  # where it would have been
            outside = self._key_of(int(best_outside[0]), slot)
        candidates = self._candidates[:n]
        self._gather(positions, candidates)
        values = self._values[positions]
        best = kernels.pick(device, candidates, self._d, values, outside, min(k, n))
        self._values[positions] = values
        self._note(positions[_positions_of(best)], _values_of(best))
        as_matrix = Matrix(candidates, DTYPES.index("float32"), self._inverse_lengths, False)
        kernels.gather(device, as_matrix, best, self._room(len(best)), self._values)
        self._n_taken += len(best)
        return len(best)

    def _pick_plainly(self, n: int) -> int:
        """Picks n times by passes of one center, as the plain loop does; no pass is waited for.

        All values are exact before; afterwards the last pick is a recent center.
        """
        device = self._device
        best = device.xp.zeros(n, np.uint64)
        first = int(smallest_k(device, self._values, 1, largest=True)[0])
        best[0] = self._key_of(first, first)
        center = self._room(1)
        for _, x in self._chunks():  # all of x is one chunk
            for i in range(n):
                kernels.gather(device, x, best[i : i + 1], center, self._values, take=True)
                if i + 1 < n:
                    kernels.fold(device, x, self._values, center, best[i + 1 : i + 2])
        self._note(_positions_of(best), _values_of(best))
        self._n_taken += n
        self._n_full_passes += n - 1
        return n

    def _note(self, positions: Any, distances: Any) -> None:
        self._positions.append(positions)
        self._distances.append(distances)

    def _key_of(self, position: int, number: int) -> np.uint64:
        """The key of the value at ``position``, with ``number`` to stand for the position."""
        bits = int(self._values[position : position + 1].view(np.uint32)[0])
        return np.uint64(bits << 32 | (~number & LOW_BITS))

    # Passes

    def _full_pass(self) -> None:
        """Makes all values exact for the recent centers."""
        device, n = self._device, self._n_recent
        if n > 1:
            centers = self._centers[:n]
            as_matrix = Matrix(centers, DTYPES.index("float32"), self._inverse_lengths, False)
            kernels.copy(device, as_matrix, self._frame, self._copies_of_centers)
        for first, x in self._chunks():
            if not self._is_checked:
                kernels.check(device, x, self._is_cosine, first, self._first_bad)
            values = self._values[first : first + len(x)]
            if n == 1:
                nobody = device.xp.zeros(1, np.uint64)
                kernels.fold(device, x, values, self._centers[:1], nobody)
            elif n > 1:
                self._refine(x, values)
        if not self._is_checked:
            self._finish_check()
        self._n_recent = 0
        self._n_full_passes += 1

    def _refine(self, x: Matrix, values: Any) -> None:
        device, frame, tile_rows = self._device, self._frame, self._layout.tile_rows
        tile = self._copies_of_tile
        # As little as can be is left to do for a tile: the host must be faster than the device.
        parts = list(self._parts_of_centers())
        halves = tile.halves[:0]
        for begin in range(0, len(x), tile_rows):
            rows, of_rows = x[begin : begin + tile_rows], values[begin : begin + tile_rows]
            kernels.copy(device, rows, frame, tile)
            if len(rows) != len(halves):  # the first tile, or a last one with fewer rows
                halves = tile.halves[: len(rows)]
                parts = [(centers, products[: len(rows)]) for centers, products in parts]
            for centers, products in parts:
                device.multiply(halves, centers.halves, products)
                kernels.refine(device, rows, tile.norms, self._frame, products, centers, of_rows)

    def _parts_of_centers(self) -> Iterator[tuple[Centers, Any]]:
        """The recent centers, as many as rows are multiplied with at once, and room for that."""
        layout, n, copies = self._layout, self._n_recent, self._copies_of_centers
        for begin in range(0, n, layout.tile_centers):
            end = min(n, begin + layout.tile_centers)
            # Whole vectors for cuBLAS and the kernel; what is behind the last is not used.
            part = slice(begin, round_up(end, 8))
            shape = layout.tile_rows, part.stop - begin
            rows, room = self._centers[begin:end], self._products[: shape[0] * shape[1]]
            centers = Centers(rows, copies.halves[part], copies.q[part], copies.e[part])
            yield centers, room.reshape(shape)

    # Rows of x

    def _chunks(self) -> Iterator[tuple[int, Matrix]]:
        for first, data in self._rows.chunks():
            part = slice(first, first + len(data)) if self._is_cosine else slice(0, 1)
            lengths = self._inverse_lengths[part]
            yield first, Matrix(data, self._dtype, lengths, self._is_cosine)

    def _gather(self, positions: Any, out: Any) -> None:
        """Rows of ``x`` to ``out``, as distances take them."""
        data, at = self._rows.at(positions)
        lengths = self._inverse_lengths
        if self._is_cosine and not isinstance(self._rows, Resident):
            lengths = self._device.xp.zeros(len(data), np.float64)
            nobody = self._device.xp.zeros(1, np.uint64)
            matrix = Matrix(data, self._dtype, lengths, True)
            kernels.check(self._device, matrix, True, 0, nobody)
        x = Matrix(data, self._dtype, lengths, self._is_cosine)
        kernels.gather(self._device, x, _keys_of(at), out, self._values)

    def _finish_check(self) -> None:
        self._is_checked = True
        self._raise_if_any("x", self._rows, self._first_bad)

    def _raise_if_any(self, name: str, rows: Rows, first_bad: Any) -> None:
        row = int(first_bad[0])
        if row == MAX_ROWS:
            return
        data, at = rows.at(self._device.xp.full(1, row, np.int64))
        as_it_is = Matrix(data, self._dtype, self._inverse_lengths, False)
        kernels.gather(self._device, as_it_is, _keys_of(at), self._candidates[:1], self._values)
        found = self._device.download(self._candidates[0]).astype(np.float64)
        # Eight sums side by side, as the CPU has them, so that the message has the same digits.
        s = np.add.accumulate(found[: self._layout.stride].reshape(-1, 8) ** 2, axis=0)[-1]
        fail_row(
            name, row, float(((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])))
        )


def _keys_of(positions: Any) -> Any:
    """Keys without values."""
    return (~positions).view(np.uint64)


def _positions_of(keys: Any) -> Any:
    return (~keys & np.uint64(LOW_BITS)).astype(np.int64)


def _values_of(keys: Any) -> Any:
    return (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)
