"""The emulator must find the mistakes that it promises to find."""

from pathlib import Path

import numpy as np
import pytest
from emulated_device import EmulatedDevice, EmulationError, compiler

if compiler() is None:
    pytest.skip("no C++ compiler for the emulated CUDA device", allow_module_level=True)

KERNELS = """
#include <cuda_bf16.h>
#include <cuda_fp16.h>

extern __shared__ __align__(16) unsigned char dynamic_shared[];

template <class T>
__device__ T sum_of_block(T x) {
  __shared__ T of_warp[32];
  for (int d = 16; d > 0; d >>= 1) x += __shfl_down_sync(0xffffffffu, x, d);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = x;
  __syncthreads();
  T sum = 0;
  for (unsigned i = 0; i < blockDim.x / 32; ++i) sum += of_warp[i];
  __syncthreads();
  return sum;
}

#define SUM(name, T)                                                                   \\
  extern "C" __global__ void sum_##name(const T* x, T* sums, long long n) {            \\
    T mine = 0;                                                                        \\
    const long long stride = static_cast<long long>(gridDim.x) * blockDim.x;           \\
    const long long first = static_cast<long long>(blockIdx.x) * blockDim.x;           \\
    for (long long i = first + threadIdx.x; i < n; i += stride) mine += x[i];          \\
    mine = sum_of_block(mine);                                                         \\
    if (threadIdx.x == 0) sums[blockIdx.x] = mine;                                     \\
  }
SUM(float32, float)
SUM(float64, double)

extern "C" __global__ void halves(const __half* x, const __nv_bfloat16* y, float* sums) {
  sums[threadIdx.x] = __half2float(x[threadIdx.x]) + __bfloat162float(y[threadIdx.x]);
}

extern "C" __global__ void ends(const int* x, const unsigned* y, int* of_x, unsigned* of_y) {
  const unsigned t = threadIdx.x, half = t < 16 ? 0x0000ffffu : 0xffff0000u;
  const int low = __reduce_min_sync(half, x[t]), high = __reduce_max_sync(half, x[t]);
  const unsigned least = __reduce_min_sync(half, y[t]), most = __reduce_max_sync(half, y[t]);
  of_x[t] = t % 2 == 0 ? low : high;
  of_y[t] = t % 2 == 0 ? least : most;
}

extern "C" __global__ void pairs(const __half* x, const __nv_bfloat16* y, __half* larger_x,
                                 __nv_bfloat16* larger_y, unsigned* equal) {
  const __half2 a = {x[0], x[1]}, b = {x[2], x[3]}, c = __hmax2(a, b);
  const __nv_bfloat162 d = {y[0], y[1]}, e = {y[2], y[3]}, f = __hmax2(d, e);
  larger_x[0] = c.x;
  larger_x[1] = c.y;
  larger_y[0] = f.x;
  larger_y[1] = f.y;
  equal[0] = __heq2_mask(a, b);
  equal[1] = __heq2_mask(d, e);
}

extern "C" __global__ void reverse(int* x, int with_barrier) {
  int* kept = reinterpret_cast<int*>(dynamic_shared);
  kept[threadIdx.x] = x[threadIdx.x];
  if (with_barrier != 0) __syncthreads();
  x[threadIdx.x] = kept[blockDim.x - 1 - threadIdx.x];
}

extern "C" __global__ void all_blocks_meet(unsigned* arrived, unsigned* seen, int sleeps) {
  __shared__ unsigned own;
  if (threadIdx.x == 0) own = blockIdx.x + 1;
  __syncthreads();
  if (threadIdx.x == 0) {
    atomicAdd(arrived, own);
    const unsigned all = gridDim.x * (gridDim.x + 1) / 2;
    while (*static_cast<volatile unsigned*>(arrived) < all && sleeps != 0) __nanosleep(100);
    seen[blockIdx.x] = *static_cast<volatile unsigned*>(arrived) + 1000 * own;
  }
}

extern "C" __global__ void largest(const unsigned* x, unsigned* of_half) {
  const unsigned mask = threadIdx.x % 32 < 16 ? 0x0000ffffu : 0xffff0000u;
  of_half[threadIdx.x] = __reduce_max_sync(mask, x[threadIdx.x]);
}

extern "C" __global__ void wrong(int how, int* x) {
  const unsigned t = threadIdx.x;
  if (how == 0 && t == 3) return;
  if (how == 1 && t == 3) {
    __syncthreads();
  }
  if (how == 2 && t >= 32) __syncthreads();
  if (how == 3) x[t] = __shfl_sync(0x0000ffffu, x[t], 0);
  if (how == 4) x[t] = __shfl_sync(0xffffffffu, x[t], 32);
  if (how == 5 && t < 16) x[t] = __shfl_xor_sync(0x0000ffffu, x[t], 16);
  if (how == 6) x[t] = __shfl_sync(0xffffffffu, x[t], 0, 24);
  if (how == 7) reinterpret_cast<int*>(dynamic_shared)[t + 1] = 0;
  if (how == 8) {
    if (t % 2 == 0) {
      __syncwarp();
    } else {
      __syncwarp();
    }
  }
  __syncthreads();
}
"""


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> EmulatedDevice:
    sources: Path = tmp_path_factory.mktemp("kernels")
    (sources / "of_the_test.cu").write_text(KERNELS)
    return EmulatedDevice(sources=sources)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 31, 1000])
def test_kernels_compute(device: EmulatedDevice, dtype: str, n: int) -> None:
    x = np.arange(n, dtype=dtype)
    sums = device.xp.empty(5, dtype)
    device.launch(f"sum_{dtype}", 5, 64, (x, sums, np.int64(n)))
    assert sums.sum() == n * (n - 1) / 2


def test_every_half_and_bfloat16_converts(device: EmulatedDevice) -> None:
    bits = np.arange(1 << 16).astype(np.uint16)
    zero = np.zeros_like(bits)
    sums = np.empty(1024, np.float32)
    for start in range(0, 1 << 16, 1024):
        part = slice(start, start + 1024)
        device.launch("halves", 1, 1024, (bits[part].view(np.float16), zero[part], sums))
        with np.errstate(invalid="ignore"):
            expected = bits[part].view(np.float16).astype(np.float32)
        np.testing.assert_array_equal(sums, expected)
        device.launch("halves", 1, 1024, (zero[part].view(np.float16), bits[part], sums))
        expected = (bits[part].astype(np.uint32) << 16).view(np.float32)
        np.testing.assert_array_equal(sums, expected)


def test_the_largest_of_the_lanes_in_a_mask(device: EmulatedDevice) -> None:
    x = np.random.default_rng(0).permutation(64).astype(np.uint32)
    found = device.xp.empty(64, np.uint32)
    device.launch("largest", 1, 64, (x, found))
    np.testing.assert_array_equal(found, np.repeat(x.reshape(4, 16).max(axis=1), 16))


def test_reductions_of_part_of_a_warp(device: EmulatedDevice) -> None:
    x = np.random.default_rng(0).integers(-(2**31), 2**31, 32).astype(np.int32)
    y = x.view(np.uint32)
    of_x, of_y = np.empty_like(x), np.empty_like(y)
    device.launch("ends", 1, 32, (x, y, of_x, of_y))
    for given, found in ((x, of_x), (y, of_y)):
        for half in (slice(16), slice(16, 32)):
            assert set(found[half][::2]) == {given[half].min()}
            assert set(found[half][1::2]) == {given[half].max()}


@pytest.mark.parametrize(
    ("numbers", "larger", "equal"),
    [
        ([1, -2, 3, -4], [3, -2], 0),
        ([5, -1, 5, 0], [5, 0], 0xFFFF),
        ([-0.0, 0.0, 0.0, -0.0], [0.0, 0.0], 0xFFFFFFFF),
        ([np.nan, 2, -7, np.nan], [-7, 2], 0),
        ([np.nan, -np.inf, np.nan, -np.inf], [np.nan, -np.inf], 0xFFFF0000),
    ],
)
def test_pairs_are_compared(
    device: EmulatedDevice, numbers: list[float], larger: list[float], equal: int
) -> None:
    x = np.array(numbers, np.float16)
    y = (np.array(numbers, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    of_x, of_y, found = np.empty(2, np.float16), np.empty(2, np.uint16), np.empty(2, np.uint32)
    device.launch("pairs", 1, 1, (x, y, of_x, of_y, found))
    of_y_as_float = (of_y.astype(np.uint32) << 16).view(np.float32)
    for values in (of_x, of_y_as_float):
        np.testing.assert_array_equal(values, np.array(larger, values.dtype))
        assert not np.signbit(values[np.array(larger) == 0]).any()
    assert found.tolist() == [equal, equal]


def test_a_missing_barrier_gives_wrong_answers(device: EmulatedDevice) -> None:
    x = np.arange(64, dtype=np.int32)
    device.launch("reverse", 1, 64, (x, np.int32(1)), shared_bytes=256)
    np.testing.assert_array_equal(x, np.arange(64)[::-1])
    device.launch("reverse", 1, 64, (x, np.int32(0)), shared_bytes=256)
    assert not np.array_equal(x, np.arange(64))


def test_cooperative_blocks_run_at_once_with_shared_memory_of_their_own(
    device: EmulatedDevice,
) -> None:
    arrived, seen = np.zeros(1, np.uint32), np.zeros(3, np.uint32)
    device.launch("all_blocks_meet", 3, 64, (arrived, seen, np.int32(1)), cooperative=True)
    np.testing.assert_array_equal(seen, [1006, 2006, 3006])


def test_ordinary_blocks_may_not_wait_for_each_other(device: EmulatedDevice) -> None:
    arrived, seen = np.zeros(1, np.uint32), np.zeros(3, np.uint32)
    with pytest.raises(EmulationError, match="no thread goes on"):
        device.launch("all_blocks_meet", 3, 64, (arrived, seen, np.int32(1)))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (0, "returns while others wait|after a thread of the block has returned"),
        (1, "waits at one barrier, others of the block at that of line"),
        (2, "waits at one barrier, others of the block at that of line"),
        (3, "not in the mask"),
        (4, "asks for lane 32"),
        (5, "reads a lane outside the mask"),
        (6, "bad width"),
        (7, "behind its end"),
        (8, "waits for a lane that is at line"),
    ],
)
def test_mistakes_are_told(device: EmulatedDevice, how: int, message: str) -> None:
    with pytest.raises(EmulationError, match=message):
        device.launch("wrong", 2, 64, (np.int32(how), np.zeros(64, np.int32)), shared_bytes=256)


def test_wrong_launches_are_refused(device: EmulatedDevice) -> None:
    x = np.zeros(64, np.float32)
    for args, message in [
        ((x, x), "3 parameters, 2 arguments"),
        ((x, x, np.int32(1)), "parameter 2 is int64, the argument is int32"),
        ((x, x, 1), "the argument is int"),
        ((x, x.astype(np.float64), np.int64(1)), "the argument is float64"),
    ]:
        with pytest.raises(EmulationError, match=message):
            device.launch("sum_float32", 1, 64, args)
    good = (x, x, np.int64(1))
    for grid, block, message in [(0, 64, "grid is empty"), (1, 2048, "1 to 1024 threads")]:
        with pytest.raises(EmulationError, match=message):
            device.launch("sum_float32", grid, block, good)
    with pytest.raises(EmulationError, match="more shared memory than a block may have"):
        device.launch("sum_float32", 1, 64, good, shared_bytes=device.max_shared_bytes + 1)
    with pytest.raises(EmulationError, match="no kernel is called"):
        device.launch("product_float32", 1, 64, good)
    with pytest.raises(EmulationError, match="more blocks than are resident"):
        device.launch("sum_float32", 4, 64, good, cooperative=True)


def test_multiply_is_of_halves(device: EmulatedDevice) -> None:
    a = np.array([[1 + 2**-10, 2**-11]], np.float16)
    out = device.xp.empty((1, 1), np.float32)
    device.multiply(a, np.ones((1, 2), np.float16), out)
    assert out[0, 0] == np.float32(1 + 2**-10 + 2**-11)
    with pytest.raises(EmulationError, match="multiply: float32 by float16"):
        device.multiply(a.astype(np.float32), a, out)
