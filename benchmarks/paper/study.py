"""What a table or figure asks for: first to learn which runs it needs, then for what they found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcal.settings import Settings

from .campaigns import campaign_run, settings_for
from .datasets import DataSet
from .options import SMALL, Options
from .rankings import RankingRun
from .results import campaign_row, sweep_row
from .runs import Cabinet, Record, Run
from .sweeps import Curves, Sweep, SweepRun, open_sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Product", "Study"]

Row = dict[str, Any]
NICE = {
    "fashion-mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "cifar10-jpeg": "CIFAR-10 (JPEG)",
    "cifar100": "CIFAR-100",
    "digits": "digits",
}


@dataclass(frozen=True)
class Product:
    """A table or figure, before it is a file."""

    name: str
    title: str
    note: str
    rows: list[Row]
    panels: Sequence[Callable[[Axes], None]] = ()
    columns: dict[str, tuple[str, str]] | None = None  # of a table: key -> heading, format


@dataclass
class Study:
    """Options, data sets, and the cabinet. While ``planning`` it finds nothing and takes note."""

    options: Options
    data: Sequence[DataSet]
    cabinet: Cabinet
    planning: bool = False
    wanted: list[Run] = field(default_factory=list)
    jobs_max: int = 1  # runs at a time, of all that were found
    _sweeps: dict[str, Sweep] = field(default_factory=dict)

    def get(self, run: Run) -> Record | None:
        """What a run found; None where it has not been done."""
        self.wanted.append(run)
        record = None if self.planning else self.cabinet.load(run)
        if record is not None:
            self.jobs_max = max(self.jobs_max, record.made["jobs"])
        return record

    # -- campaigns ---------------------------------------------------------------------------

    def ways(self) -> Iterator[tuple[str, str, str]]:
        """mcal's ways to label: name, preset and recipe."""
        policies = self.options.policies or ("default", "paper")
        if "default" in policies:
            for recipe in self.options.chosen_recipes():
                yield f"mcal, {recipe}", "default", recipe
        if "paper" in policies:
            recipe = self.options.paper_recipe
            yield f"mcal, paper's rules, {recipe}", "paper", recipe

    def campaign(
        self,
        data: DataSet,
        *,
        recipe: str,
        price: float,
        target_error: float,
        policy: str = "default",
        architectures: Sequence[str] | None = None,
        seeds: int | Sequence[int] = 1,
        **more: Any,
    ) -> Row | None:
        """Means over the seeds that are done; None where none is. ``seeds``: the usual number."""
        numbers = range(self.options.n_seeds(seeds)) if isinstance(seeds, int) else seeds
        records = [
            self.get(
                campaign_run(
                    self.options,
                    data,
                    architectures=architectures or self.options.chosen_architectures(),
                    recipe=recipe,
                    policy=policy,
                    price=price,
                    target_error=target_error,
                    seed=seed,
                    **more,
                )
            )
            for seed in numbers
        ]
        done = [record for record in records if record is not None]
        return campaign_row(done) if done else None

    # -- sweeps ------------------------------------------------------------------------------

    def sweep(
        self,
        data: DataSet,
        architecture: str,
        recipe: str,
        delta: float,
        *,
        seed: int = 0,
    ) -> Sweep | None:
        """Recorded active learning, until every target asked for is met: one serves them all."""
        until_error = min(self.options.chosen_targets())
        settings = self.settings_of(architecture, recipe, target_error=until_error)
        run = SweepRun(
            data,
            self.options.n_items(data.n_items),
            settings.classifier[0],
            delta,
            settings.target_error,
            seed,
            settings.target,
        )
        record = self.get(run)
        if record is None:
            return None
        key = str(record.arrays_file)
        if key not in self._sweeps:
            self._sweeps = {**dict(list(self._sweeps.items())[-3:]), key: open_sweep(run, record)}
        return self._sweeps[key]

    def curves(self, data: DataSet, architecture: str, recipe: str, delta: float) -> Curves | None:
        """Learning curves of a sweep."""
        sweep = self.sweep(data, architecture, recipe, delta)
        return None if sweep is None else sweep.curves()

    def naive(
        self,
        data: DataSet,
        architecture: str,
        recipe: str,
        *,
        price: float,
        target_error: float,
        seed: int = 0,
    ) -> list[Row]:
        """A row for each delta that is done, of one seed."""
        rows = []
        settings = self.settings_of(architecture, recipe, price=price, target_error=target_error)
        for delta in self.options.chosen_deltas():
            sweep = self.sweep(data, architecture, recipe, delta, seed=seed)
            if sweep is None:
                continue
            outcome = sweep.outcome(settings)
            seconds = sum(sweep.billed_s(at) for at in range(outcome.rounds))
            rows.append(
                {
                    "data": data.key,
                    "architecture": architecture,
                    "recipe": recipe,
                    "delta": delta,
                    **sweep_row(outcome, seconds),
                    "jobs_max": sweep.jobs,
                }
            )
        return rows

    def ranking(self, data: DataSet, architecture: str, recipe: str, share: float) -> Record | None:
        """A model trained on ``share`` of the pool, asked about the rest."""
        n_items = self.options.n_items(data.n_items)
        candidate = self.options.candidate(architecture, recipe)
        return self.get(RankingRun(data, n_items, candidate, round(share * n_items), 0))

    def settings_of(
        self, architecture: str, recipe: str, *, target_error: float, price: float = 1.0
    ) -> Settings:
        """Of active learning: prices, target and classifier as in the campaigns beside it."""
        return settings_for(
            self.options,
            architectures=(architecture,),
            recipe=recipe,
            price=price,
            target_error=target_error,
        )

    def people_usd(self, n_items: int, price: float) -> float:
        """People alone, at the prices set."""
        recipe = self.options.chosen_recipes()[0]
        settings = self.settings_of(SMALL, recipe, price=price, target_error=0.05)
        return settings.prices.people.total_usd(n_items)

    @property
    def errors_are_of(self) -> str:
        """What wrong machine labels are divided by, in words."""
        target = dict(self.options.overrides).get("target", "set")
        return "machine labels" if target == "machine" else "N"

    # -- words -------------------------------------------------------------------------------

    def name_of(self, data: DataSet) -> str:
        return NICE.get(data.key, data.key)

    def setting(
        self, data: Sequence[DataSet], architectures: Sequence[str], recipes: Sequence[str]
    ) -> str:
        """What was measured, in words."""
        pools = ", ".join(
            f"{self.name_of(each)} N = {self.options.n_items(each.n_items):,} of {each.n_items:,}"
            for each in data
        )
        trained = ", ".join(
            f"{architecture}/{recipe}" + ("" if epochs is None else f" ({epochs} epochs)")
            for architecture in architectures
            for recipe in recipes
            for epochs in [self.options.epochs_of(recipe)]
        )
        reduced = "Reduced scale. " if self.options.scale < 1.0 else ""
        where = "GPU" if self.options.device.startswith("cuda") else "CPU"
        changed = "".join(f"; {key} = {value}" for key, value in self.options.overrides)
        return f"{reduced}Ours: {pools}; {trained}; {where}{changed}."
