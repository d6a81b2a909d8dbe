"""Every number that the paper prints, and what its totals come to when all of X is priced.

Table 1's totals are mostly below the price of the human labels they contain: they fit labels of
90 % of X (docs/paper, "Re-pricing"). Table 2 prices all of X. What the paper only draws is not
here.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DRAWN",
    "EPOCHS",
    "ITEMS",
    "TABLE_1",
    "TABLE_2",
    "TABLE_3",
    "TEXT",
    "OracleRow",
    "RelaxedRow",
    "SummaryRow",
    "reprice",
    "service",
]

ITEMS = {"fashion-mnist": 70_000, "cifar10": 60_000, "cifar100": 60_000}
SERVICES = {0.04: "Amazon", 0.003: "Satyam"}
EPOCHS = 200  # of each training
PRICED_SHARE = 0.9
"""Of X, that Table 1's totals hold the labels of: what its rows agree with."""
THETA_STEP = 0.05  # the grid that |S| / |X| is on
DRAWN = "drawn, no numbers printed"


def reprice(printed_usd: float, labels_usd: float) -> tuple[float, bool]:
    """A total with all of X priced, and whether it is only a lower bound.

    ``labels_usd`` is what people's labels of everything outside S cost. If the printed total holds
    those of 90 % of X, what it holds beyond is training; where that is below 0, the training cannot
    be told, and the labels alone are the bound.
    """
    training = printed_usd - PRICED_SHARE * labels_usd
    return labels_usd + max(0.0, training), training < 0.0


def service(price: float) -> str:
    """The labelling service that the paper gives ``price`` to."""
    return SERVICES.get(price, f"${price:g} a label")


@dataclass(frozen=True)
class SummaryRow:
    """A row of Table 1: mcal at eps = 5 %."""

    dataset: str
    price: float
    train_share: float
    machine_share: float
    architecture: str
    error: float
    human_usd: float
    total_usd: float
    saving: float

    @property
    def labels_usd(self) -> float:
        """People's labels of everything that the machine did not label: the total is no less."""
        return (1.0 - self.machine_share) * ITEMS[self.dataset] * self.price

    @property
    def repriced(self) -> tuple[float, bool]:
        """Dollars for all of X, and whether they are a lower bound."""
        return reprice(self.total_usd, self.labels_usd)


TABLE_1 = (
    SummaryRow("fashion-mnist", 0.04, 0.061, 0.85, "resnet18", 0.04, 2800, 400, 0.86),
    SummaryRow("fashion-mnist", 0.003, 0.084, 0.85, "resnet18", 0.04, 210, 29, 0.86),
    SummaryRow("cifar10", 0.04, 0.222, 0.65, "resnet18", 0.024, 2400, 792, 0.67),
    SummaryRow("cifar10", 0.003, 0.27, 0.65, "resnet18", 0.024, 180, 63, 0.65),
    SummaryRow("cifar100", 0.04, 0.32, 0.10, "resnet18", 0.004, 2400, 1698, 0.29),
    SummaryRow("cifar100", 0.003, 0.576, 0.20, "resnet18", 0.01, 180, 139, 0.23),
)


@dataclass(frozen=True)
class OracleRow:
    """A cell of Table 2: active learning with the best delta in hindsight."""

    dataset: str
    architecture: str
    price: float
    delta: float
    total_usd: float
    saving: float

    @property
    def _twin(self) -> OracleRow | None:
        """The cell with the other price, where it is the same campaign: of the same delta."""
        same = (self.dataset, self.architecture, self.delta)
        for row in TABLE_2:
            if row.price != self.price and same == (row.dataset, row.architecture, row.delta):
                return row
        return None

    @property
    def n_labels(self) -> float | None:
        """People's labels that the total holds, from the two prices; None where that cannot be."""
        twin = self._twin
        if twin is None:
            return None
        return (self.total_usd - twin.total_usd) / (self.price - twin.price)

    @property
    def machine_share(self) -> float | None:
        """|S| / |X| on the paper's grid: the largest that leaves as many labels to people."""
        if self.n_labels is None:
            return None
        share = 1.0 - self.n_labels / ITEMS[self.dataset]
        return int(share / THETA_STEP + 1e-6) * THETA_STEP

    @property
    def repriced_usd(self) -> float | None:
        """Training, as the two prices tell it, and the labels of everything not in S."""
        if self.n_labels is None or self.machine_share is None:
            return None
        training = self.total_usd - self.price * self.n_labels
        return training + (1.0 - self.machine_share) * ITEMS[self.dataset] * self.price


_CELLS: dict[tuple[str, float], tuple[tuple[float, float, float], ...]] = {
    ("fashion-mnist", 0.04): ((1.7, 438.37, 84.3), (6.7, 429.27, 84.6), (3.3, 452.36, 83.8)),
    ("fashion-mnist", 0.003): ((1.7, 49.87, 76.3), (6.7, 40.77, 75.3), (3.3, 63.86, 69.6)),
    ("cifar10", 0.04): ((10, 1577.24, 34.3), (6.7, 891.06, 62.9), (10, 1128.65, 53.0)),
    ("cifar10", 0.003): ((16.7, 235.81, -31.0), (6.7, 129.60, 28.0), (10, 149.63, 16.9)),
    ("cifar100", 0.04): ((13.3, 2520.79, -5), (16.7, 2184.60, 9.0), (13.3, 2915.80, -21.5)),
    ("cifar100", 0.003): ((16.7, 407.04, -126.1), (16.7, 297.60, -65.3), (16.7, 805.76, -347.6)),
}  # by delta, dollars and saving, the former and the latter in percent
TABLE_2 = tuple(
    OracleRow(dataset, architecture, price, delta / 100, usd, saving / 100)
    for (dataset, price), cells in _CELLS.items()
    for architecture, (delta, usd, saving) in zip(
        ("cnn18", "resnet18", "resnet50"), cells, strict=True
    )
)


@dataclass(frozen=True)
class RelaxedRow:
    """A row of Table 3: mcal at eps = 10 %, Amazon's price."""

    dataset: str
    train_share: float
    machine_share: float
    architecture: str
    accuracy: float
    saving: float

    price: float = 0.04

    @property
    def error(self) -> float:
        return 1.0 - self.accuracy

    @property
    def human_usd(self) -> float:
        return ITEMS[self.dataset] * self.price

    @property
    def total_usd(self) -> float:
        """From the saving: the table prints no dollars."""
        return (1.0 - self.saving) * self.human_usd

    @property
    def repriced(self) -> tuple[float, bool]:
        """Dollars for all of X, and whether they are a lower bound."""
        return reprice(self.total_usd, (1.0 - self.machine_share) * self.human_usd)


TABLE_3 = (
    RelaxedRow("fashion-mnist", 0.044, 0.90, "resnet18", 0.919, 0.889),
    RelaxedRow("cifar10", 0.259, 0.75, "resnet18", 0.947, 0.705),
    RelaxedRow("cifar100", 0.64, 0.25, "resnet18", 0.984, 0.391),
)

TEXT = {
    "figure-2": DRAWN,
    "figure-3": DRAWN,
    "figure-4": f"{DRAWN}; the text says: varies by less than 1 point for small theta",
    "figure-5": f"{DRAWN}; the text says: close to 100 % by margin or least confidence",
    "figure-6": f"{DRAWN}; the text says: k-center is poorly correlated with margin",
    "figure-11": f"{DRAWN}; the text says: uncertainty costs 25 % less than k-center",
    "figure-12": f"{DRAWN}; the text says: 10-15 % fewer by machine at delta 15 % than at 1 %",
    "figure-13": f"{DRAWN}; the text says: 30 % by machine at 1,000 a class, 65 % at 5,000",
    "figure-14": f"{DRAWN}; the text says: about 20 % for Fashion and CIFAR-10, little for -100",
    "figure-15": f"{DRAWN}; the text says: 25-31 % for Fashion and CIFAR-10",
    "figure-19": f"{DRAWN}; the text says: 2 times between deltas",
    "figure-20": f"{DRAWN}; the text says: about 5 times between deltas",
    "figure-21": f"{DRAWN}; the text says: about 5 times between deltas",
}
