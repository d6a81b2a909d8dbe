"""The one door to a GPU: everything else of the engine sees a ``Device``."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

__all__ = ["Device"]


class Device(Protocol):
    """What the engine's orchestration asks of a GPU.

    ``xp`` is CuPy, or NumPy with emulated kernels; it is used for allocation, slicing and simple
    elementwise work only. Arrays below are arrays of ``xp``. bfloat16 arrays travel as ``uint16``
    beside the word "bfloat16". Everything runs in order on one stream, save within ``copy_stream``.
    """

    xp: Any
    n_multiprocessors: int
    max_shared_bytes: int  # a block may ask for, static shared memory included

    def free_bytes(self) -> int:
        """Device memory that can still be allocated."""
        ...

    def launch(
        self,
        kernel: str,
        grid: int,
        block: int,
        args: tuple[Any, ...],
        *,
        shared_bytes: int = 0,
        cooperative: bool = False,
    ) -> None:
        """Start a kernel of ``cuda/`` on the current stream.

        ``args`` are arrays, whose address is passed, and NumPy scalars of exactly the parameter's
        C type: ``np.int64(n)``, ``np.float32(0.5)``. The grid has at least one block. A cooperative
        grid has at most one block per multiprocessor, and all of it runs at once.
        """
        ...

    def multiply(self, a: Any, b: Any, out: Any) -> None:
        """Write ``a @ b.T`` to ``out``, float16 (n, d) by (m, d) to float32 (n, m).

        On tensor cores: products are exact, sums are rounded in float32 in any order.
        """
        ...

    def copy_stream(self) -> AbstractContextManager[None]:
        """Within it, uploads go to a stream of their own, and so do ``record`` and ``wait``.

        That stream and the one of the launches outside are in no order but for what is waited for.
        """
        ...

    def record(self) -> Any:
        """A mark behind everything started so far on the stream in use."""
        ...

    def wait(self, mark: Any) -> None:
        """Let what is started from now on, on the stream in use, begin after the mark."""
        ...

    def upload(self, host: Any, out: Any) -> None:
        """Copy a NumPy array (pinned, pageable or a memory map) to ``out``."""
        ...

    def download(self, array: Any) -> Any:
        """A NumPy array with what ``array`` holds when all that was started so far is done."""
        ...
