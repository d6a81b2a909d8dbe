"""Simulate audits: is the promise kept, and how many machine labels does it cost?

    python benchmarks/bench_certificate.py [--runs 2000] [--only agreement|coverage|weighted|...]

Agreement: against the exact binomial and, where installed, MAPIE's risk control (Hoeffding and
Bentkus, for a binary loss). Coverage: every run draws a test set, estimates a profile, plans, draws
the audit and certifies; a violation is more errors among the machine labels than promised.
Efficiency: the same pools under the rules of the literature, written from their papers: PAC Labels
(Candes, Ilyas, Zrnic 2025; "exact" has Clopper and Pearson's bound, since errors are 0 or 1), Learn
then Test (Angelopoulos et al. 2021), and the plug-in rule (the largest share whose estimated error
keeps the target; the paper's own). Peers draw from all ranked items, as their papers do, and their
audit is the best of five sizes for the pool at hand, which nobody knows in advance. Each of these
has a fifth of the runs.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from math import e, sqrt
from statistics import median
from time import perf_counter

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.stats import binom, norm

import mcal
from mcal import _core

CONFIDENCE = 0.95
N_BINS = 20
Rate = Callable[[np.ndarray], np.ndarray]  # rank / number of ranked items -> error rate


@dataclass(frozen=True)
class Setting:
    """A pool: 90 % of it ranked and un-labelled, with errors drawn once by ``rate``."""

    name: str
    n_pool: int
    target_error: float
    rate: Rate
    believed: Rate | None = None  # what the test set shows, where that is not the truth
    tie_levels: int = 0  # so many distinct deficits; ranks within one are shuffled each run

    def wrong(self) -> np.ndarray:
        x = (np.arange(self.n_ranked) + 0.5) / self.n_ranked
        return np.random.default_rng(self.n_pool).random(self.n_ranked) < self.rate(x)

    @property
    def n_ranked(self) -> int:
        return self.n_pool * 9 // 10

    @property
    def n_test(self) -> int:
        return int(np.clip(0.015 * self.n_pool, min(500, 0.05 * self.n_pool), 5000))


def easy(x: np.ndarray) -> np.ndarray:
    return 0.5 * x**8


def medium(x: np.ndarray) -> np.ndarray:
    return 0.5 * x**3


def hard(x: np.ndarray) -> np.ndarray:
    return 0.1 + 0.6 * x


def packed_at_the_cut(x: np.ndarray) -> np.ndarray:
    """No error until just before the planned cut, then nothing but errors."""
    return np.where((x > 0.6) & (x < 0.75), 1.0, 0.0)


COVERAGE = [
    Setting("easy", 60_000, 0.05, easy),
    Setting("easy, strict", 60_000, 0.005, easy),
    Setting("easy, large, strict", 2_000_000, 0.005, easy),
    Setting("medium", 60_000, 0.05, medium),
    Setting("medium, strict", 60_000, 0.01, medium),
    Setting("medium, small", 500, 0.1, medium),
    Setting("medium, large", 2_000_000, 0.02, medium),
    Setting("hard", 60_000, 0.05, hard),
    Setting("hard, lax", 10_000, 0.1, hard),
    Setting("hopeless", 5_000, 0.05, lambda x: np.full_like(x, 0.9)),
    Setting("all right", 5_000, 0.02, lambda x: np.zeros_like(x)),
    Setting("all wrong", 5_000, 0.02, lambda x: np.ones_like(x)),
    Setting("all wrong, believed medium", 20_000, 0.05, lambda x: np.ones_like(x), medium),
    Setting("ranked backwards", 20_000, 0.05, lambda x: medium(1 - x), medium),
    Setting("believed three times better", 20_000, 0.05, medium, lambda x: medium(x) / 3),
    Setting("errors packed at the cut", 20_000, 0.05, packed_at_the_cut, medium),
    Setting("errors first, then none", 20_000, 0.05, lambda x: 1.0 * (x < 0.0634), medium),
    Setting("heavy ties", 20_000, 0.05, medium, tie_levels=4),
]

EFFICIENCY = [
    Setting("easy", 60_000, 0.05, easy),
    Setting("easy, strict", 60_000, 0.01, easy),
    Setting("medium", 60_000, 0.05, medium),
    Setting("medium, strict", 60_000, 0.01, medium),
    Setting("hard", 60_000, 0.05, hard),
    Setting("medium, small", 5_000, 0.05, medium),
    Setting("medium, large", 1_000_000, 0.02, medium),
]


@dataclass(frozen=True)
class Pool:
    """The errors of a setting along its ranking."""

    wrong: np.ndarray  # (n_ranked,) bool
    above: np.ndarray  # (n_ranked + 1,) errors above each rank
    edges: np.ndarray  # (N_BINS + 1,)
    rate: np.ndarray  # (N_BINS,) what the test set is drawn from

    @classmethod
    def of(cls, setting: Setting, wrong: np.ndarray) -> Pool:
        edges = np.arange(N_BINS + 1) * setting.n_ranked // N_BINS
        above = np.concatenate([[0], np.cumsum(wrong)])
        if setting.believed is None:
            return cls(wrong, above, edges, np.diff(above[edges]) / np.diff(edges))
        return cls(wrong, above, edges, setting.believed((np.arange(N_BINS) + 0.5) / N_BINS))


def estimate(pool: Pool, n_test: int, rng: np.random.Generator) -> np.ndarray:
    """Error rates of the bins as a random test set shows them."""
    n = np.full(N_BINS, n_test // N_BINS) + (np.arange(N_BINS) < n_test % N_BINS)
    return isotonic_regression(rng.binomial(n, pool.rate) / n, weights=n).x


def audit_once(setting: Setting, pool: Pool, target: str, run: int) -> tuple[mcal.Certificate, int]:
    """A whole audit, and the errors among the machine labels it allows."""
    rng = np.random.default_rng((run, setting.n_pool))
    if setting.tie_levels:
        deficit = np.arange(setting.n_ranked) * setting.tie_levels // setting.n_ranked
        pool = Pool.of(setting, pool.wrong[mcal.audit_order(deficit, seed=run)])
    rates = estimate(pool, setting.n_test, rng)
    sizes = {"n_pool": setting.n_pool, "target_error": setting.target_error, "target": target}
    plan = mcal.plan_audit(pool.edges, rates, n_test=setting.n_test, confidence=CONFIDENCE, **sizes)
    positions = plan.draw(int(rng.integers(2**62)))
    found = pool.wrong[positions]
    certificate = mcal.certify(
        setting.n_ranked,
        plan.frame,
        positions,
        found,
        confidence=CONFIDENCE,
        start=plan.start,
        **sizes,
    )
    seen = np.count_nonzero(found[positions < certificate.cut])
    return certificate, int(pool.above[certificate.cut] - seen)


def coverage(runs: int) -> None:
    limit = 0.05 + 3 * sqrt(0.05 * 0.95 / runs)
    print(f"\nCoverage: {runs} runs each, confidence {CONFIDENCE}, limit {limit:.2%}")
    print("above: errors above the target; sharper: above the certified error, at most the target")
    worst = 0.0
    for target in ("set", "machine"):
        print(
            f"\n{'target = ' + target:<30}{'N':>10}{'eps':>7}{'above':>8}{'sharper':>9}"
            f"{'machine':>9}{'certified':>11}{'audit':>8}"
        )
        for setting in COVERAGE:
            pool = Pool.of(setting, setting.wrong())
            above = sharper = 0
            machine, promised, audits = [], [], []
            for run in range(runs):
                found, errors = audit_once(setting, pool, target, run)
                base = setting.n_pool if target == "set" else max(1, found.n_machine)
                above += errors / base > setting.target_error
                sharper += errors > found.certified_errors
                machine.append(found.n_machine)
                promised.append(found.certified_error)
                audits.append(found.n_audit)
            worst = max(worst, sharper / runs)
            print(
                f"{setting.name:<30}{setting.n_pool:>10,}{setting.target_error:>7.1%}"
                f"{above / runs:>8.2%}{sharper / runs:>9.2%}"
                f"{np.mean(machine) / setting.n_pool:>9.1%}{np.mean(promised):>11.3%}"
                f"{np.mean(audits):>8,.0f}",
                flush=True,
            )
    print(f"\nworst {worst:.2%}: {'kept' if worst <= limit else 'BROKEN'}")


def weighted(runs: int) -> None:
    """The weighted audit on the settings of both parts: its promise, and what it saves.

    Ten audits are drawn from every plan, the uniform ones beside on the same test sets.
    """
    limit = 0.05 + 3 * sqrt(0.05 * 0.95 / runs)
    print(f"\nWeighted audit: {runs} runs each, confidence {CONFIDENCE}, limit {limit:.2%}")
    print("used: plans that are not uniform; saved: machine labels / N beyond the uniform audit's")
    print(
        f"\n{'':<30}{'N':>10}{'eps':>7}{'broken':>8}{'uniform':>9}{'weighted':>10}{'saved':>8}"
        f"{'+-':>7}{'used':>6}{'audit':>8}"
    )
    worst = 0.0
    more = [setting for setting in EFFICIENCY if setting not in COVERAGE]
    for setting in COVERAGE + more:
        pool = Pool.of(setting, setting.wrong())
        sizes = {"n_pool": setting.n_pool, "target_error": setting.target_error}
        broken = used = 0
        machine: list[tuple[int, int]] = []
        audits = []
        for run in range(runs):
            if run % 10 == 0:
                rates = estimate(pool, setting.n_test, np.random.default_rng((run, setting.n_pool)))
                expected = (pool.edges, rates)
                plan = mcal.plan_weighted_audit(*expected, n_test=setting.n_test, **sizes)
                beside = mcal.plan_audit(*expected, n_test=setting.n_test, **sizes)
            wrong, above = pool.wrong, pool.above
            if setting.tie_levels:
                deficit = np.arange(setting.n_ranked) * setting.tie_levels // setting.n_ranked
                wrong = wrong[mcal.audit_order(deficit, seed=run)]
                above = np.concatenate([[0], np.cumsum(wrong)])
            positions, others = plan.draw(run), beside.draw(run)
            found = mcal.certify_weighted(
                setting.n_ranked,
                plan.frame,
                positions,
                wrong[positions],
                boundary=plan.boundary,
                weights=(plan.weight_sure, plan.weight_unsure),
                **sizes,
            )
            uniform = mcal.certify(setting.n_ranked, beside.frame, others, wrong[others], **sizes)
            seen = np.count_nonzero(wrong[positions[positions < found.cut]])
            broken += above[found.cut] - seen > found.certified_errors
            used += plan.boundary > 0
            machine.append((uniform.n_machine, found.n_machine))
            audits.append(plan.n_audit)
        worst = max(worst, broken / runs)
        shares = np.array(machine) / setting.n_pool
        gains = (shares[:, 1] - shares[:, 0]).reshape(-1, 10).mean(axis=1)
        error = gains.std() / sqrt(gains.size)
        print(
            f"{setting.name:<30}{setting.n_pool:>10,}{setting.target_error:>7.1%}"
            f"{broken / runs:>8.2%}{shares[:, 0].mean():>9.2%}{shares[:, 1].mean():>10.2%}"
            f"{gains.mean():>8.2%}{error:>7.2%}{used / runs:>6.0%}{np.mean(audits):>8,.0f}",
            flush=True,
        )
    print(f"\nworst {worst:.2%}: {'kept' if worst <= limit else 'BROKEN'}")


def tolerated_errors(rule: str, m: int, target: float) -> int:
    """Audited errors of ``m`` with which ``rule`` still holds the error to be below ``target``."""
    x = np.arange(m + 1)
    rate = x / m
    risk = 1 - CONFIDENCE
    if rule == "PAC Labels, normal":  # mean + z sd / sqrt(m); no error has no spread: 1 assumed
        spread = np.sqrt(np.maximum(rate * (1 - rate), (1 / m) * (1 - 1 / m)))
        holds = rate + norm.ppf(CONFIDENCE) * spread / sqrt(m) <= target
    elif rule == "Learn then Test, HB":
        safe = np.clip(np.minimum(rate, target), 1e-300, 1.0)
        divergence = safe * np.log(safe / target) + (1 - safe) * np.log(
            np.maximum(1 - safe, 1e-300) / (1 - target)
        )
        hoeffding = np.exp(-m * np.where(rate < target, divergence, 0.0))
        holds = np.minimum(hoeffding, e * binom.cdf(x, m, target)) <= risk
    else:  # Clopper and Pearson
        holds = binom.cdf(x, m, target) <= risk
    return int(np.flatnonzero(holds)[-1]) if holds[0] else -1


def peer_once(
    rule: str, m: int, tolerated: int, setting: Setting, pool: Pool, run: int
) -> tuple[int, int]:
    """Machine labels and errors among them, with ``m`` items drawn from all that are ranked."""
    rng = np.random.default_rng((run, m))
    positions = np.sort(rng.choice(setting.n_ranked, m, replace=False, shuffle=False))
    errors = positions[pool.wrong[positions]]
    cut = setting.n_ranked if errors.size <= tolerated else int(errors[max(tolerated, 0)])
    if rule.startswith("Learn"):  # shares of 1 %, smallest first, until one fails
        cut = setting.n_ranked * (cut * 100 // setting.n_ranked) // 100
    if tolerated < 0:
        cut = 0
    machine = cut - int(np.searchsorted(positions, cut))
    return machine, int(pool.above[cut]) - int(np.searchsorted(errors, cut))


def plug_in_once(n_shares: int, setting: Setting, pool: Pool, run: int) -> tuple[int, int]:
    """The largest of ``n_shares`` shares whose errors on the test set keep the target."""
    rng = np.random.default_rng((run, 7))
    seen = np.sort(rng.choice(setting.n_ranked, setting.n_test, replace=False, shuffle=False))
    errors = seen[pool.wrong[seen]]
    cuts = setting.n_ranked * np.arange(n_shares + 1) // n_shares
    estimated = np.searchsorted(errors, cuts) * (setting.n_ranked / setting.n_test)
    cut = int(cuts[np.flatnonzero(estimated <= setting.target_error * setting.n_pool)[-1]])
    return cut, int(pool.above[cut])


def efficiency(runs: int) -> None:
    print(f"\nEfficiency: machine labels / N after the audit, {runs} runs each (violations)")
    rules = (
        "PAC Labels, exact",
        "PAC Labels, normal",
        "Learn then Test, CP",
        "Learn then Test, HB",
    )
    for setting in EFFICIENCY:
        pool = Pool.of(setting, setting.wrong())
        allowed = setting.target_error * setting.n_pool
        best_cut = int(np.searchsorted(pool.above, allowed, side="right")) - 1
        mine = [audit_once(setting, pool, "set", run) for run in range(runs)]
        n_audit = round(float(np.mean([found.n_audit for found, _ in mine])))
        rows = {f"mcal, audit {n_audit:,}": [(found.n_machine, bad) for found, bad in mine]}
        for rule in rules:
            tried = {}
            for m in (n_audit // 2, n_audit, 2 * n_audit, 3 * n_audit, 4 * n_audit):
                m = int(np.clip(m, 20, setting.n_ranked))
                k = tolerated_errors(rule, m, allowed / setting.n_ranked)
                tried[m] = [peer_once(rule, m, k, setting, pool, run) for run in range(runs)]
            m = max(tried, key=lambda m: np.mean([n for n, _ in tried[m]]))
            rows[f"{rule}, audit {m:,}"] = tried[m]
        for shares in (20, 1000):
            rows[f"plug-in, {shares} shares, no promise"] = [
                plug_in_once(shares, setting, pool, run) for run in range(runs)
            ]
        print(
            f"\n{setting.name}, N {setting.n_pool:,}, eps {setting.target_error:.1%}, "
            f"with a perfect cut {best_cut / setting.n_pool:.1%}"
        )
        for name, results in rows.items():
            share = np.mean([n for n, _ in results]) / setting.n_pool
            broken = np.mean([bad > allowed for _, bad in results])
            print(f"  {name:<42}{share:>7.2%}  ({broken:.1%})", flush=True)


def agreement() -> None:
    """Audited errors tolerated where the pool is so large that drawing leaves it as it was."""
    print("\nTolerated errors of m audited, to promise the error at 95 %")
    print(f"{'m':>8}{'error':>8}{'mcal':>7}{'exact binomial':>16}{'MAPIE':>7}")
    for m in (200, 900, 3000, 20_000):
        for target in (0.01, 0.05, 0.2):
            mine = _core.most_found(10**9, m, round(target * 10**9), 1 - CONFIDENCE)
            exact = tolerated_errors("exact", m, target)
            mapie = "-"
            if find_spec("mapie"):
                from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value

                p = compute_hoeffding_bentkus_p_value(np.arange(m + 1) / m, m, target, binary=True)
                mapie = str(np.count_nonzero(p[:, 0] <= 1 - CONFIDENCE) - 1)
            print(f"{m:>8,}{target:>8.0%}{mine:>7}{exact:>16}{mapie:>7}")


def timed(work: Callable[[], object], repeats: int = 15) -> float:
    work()
    times = []
    for _ in range(repeats):
        begin = perf_counter()
        work()
        times.append(perf_counter() - begin)
    return 1e3 * median(times)


def times() -> None:
    print(f"\nTimes, median ms of 15 ({platform.processor() or platform.machine()})")
    print(f"{'N':>12}{'target':>10}{'audit':>10}{'plan':>9}{'draw':>9}{'certify':>9}")
    for n_pool in (60_000, 1_281_167, 100_000_000):
        edges = np.arange(N_BINS + 1) * (n_pool * 9 // 10) // N_BINS
        rates = medium((np.arange(N_BINS) + 0.5) / N_BINS)
        for target in ("set", "machine"):
            sizes = {"n_pool": n_pool, "target_error": 0.05, "target": target}

            def plan(
                sizes: dict = sizes, edges: np.ndarray = edges, rates: np.ndarray = rates
            ) -> mcal.AuditPlan:
                return mcal.plan_audit(edges, rates, n_test=900, **sizes)

            planned = plan()
            positions = planned.draw(1)
            bins = np.searchsorted(edges, positions, side="right") - 1
            wrong = np.random.default_rng(2).random(positions.size) < rates[bins]

            def certify(
                sizes: dict = sizes,
                given: tuple = (int(edges[-1]), planned.frame, positions, wrong),
                start: int | None = planned.start,
            ) -> mcal.Certificate:
                return mcal.certify(*given, start=start, **sizes)

            print(
                f"{n_pool:>12,}{target:>10}{planned.n_audit:>10,}{timed(plan):>9.2f}"
                f"{timed(lambda planned=planned: planned.draw(1)):>9.2f}{timed(certify):>9.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parts = ("agreement", "coverage", "weighted", "efficiency", "time")
    parser.add_argument("--only", choices=parts)
    options = parser.parse_args()
    if options.only in (None, "agreement"):
        agreement()
    if options.only in (None, "coverage"):
        coverage(options.runs)
    if options.only in (None, "weighted"):
        weighted(-(-options.runs // 10) * 10)
    if options.only in (None, "efficiency"):
        efficiency(max(1, options.runs // 5))
    if options.only in (None, "time"):
        times()


if __name__ == "__main__":
    main()
