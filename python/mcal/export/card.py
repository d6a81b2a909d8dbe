"""The card of a Hugging Face data set: its features for programs, its promise for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from mcal.shares import percent, percent_at_most
from mcal.store import CampaignSummary

__all__ = ["TYPES", "data_set_card", "features_json"]

TYPES = {
    "index": "int64",
    "item": "string",
    "source": "string",
    "confidence": "float64",
    "round": "int32",
    "price_usd": "float64",
    "model": "string",
}
"""The columns beside the image and the label, as ``datasets`` and pyarrow call their types."""

_MEANINGS = {
    "image": "the item itself; empty where it cannot be read",
    "label": "the class; empty where no class fits, or nobody has labelled the item yet",
    "index": "the item's row in the pool, from 0",
    "item": "what the item is called there",
    "source": "who gave the label: `human`, `audit` (a person who checked the machine), `machine`",
    "confidence": "how sure the machine is, 0 to 1: the margin between its two likeliest classes, "
    "or a chance of being right that it has learned",
    "round": "in which round of training the label was bought or given",
    "price_usd": "what this label cost",
    "model": "the classifier that gave the label",
}
_SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
# What YAML does not let stand in a quoted text as it is, though JSON does.
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def features_json(classes: Sequence[str], *, with_images: bool) -> str:
    """What ``datasets`` looks for in the metadata of a Parquet file."""
    features: dict[str, Any] = {"image": {"_type": "Image"}} if with_images else {}
    features["label"] = {"names": list(classes), "_type": "ClassLabel"}
    features |= {name: {"dtype": kind, "_type": "Value"} for name, kind in TYPES.items()}
    return json.dumps({"info": {"features": features}})


def data_set_card(
    summary: CampaignSummary,
    classes: Sequence[str],
    *,
    with_images: bool,
    mcal_version: str,
    digest: str,
) -> str:
    """Markdown behind a head of YAML; the same campaign gives the same text.

    ``digest`` stands for what is in the data files. ``load_dataset`` keeps what it has read under
    the folder's last name and a hash of the card's ``configs`` and ``dataset_info``, the rows do
    not count: without it another campaign's rows would be taken from there.
    """
    lines = ["---", *_head(summary, classes, digest, with_images=with_images), "---", ""]
    lines += ["# Labelled by people and machine together", ""]
    lines += [*_promise(summary), ""]
    lines += ["## Who labelled", "", *_who(summary), "", "## Columns", ""]
    lines += ["| column | meaning |", "|---|---|"]
    names = (*(["image"] if with_images else []), "label", *TYPES)
    lines += [f"| `{name}` | {_MEANINGS[name]} |" for name in names]
    lines += ["", "There is one split, `train`, with every item; `source` tells labels apart."]
    lines += ["", f"Made by a campaign of mcal {mcal_version} that began {summary.created_at}."]
    return "\n".join(lines) + "\n"


def _head(
    summary: CampaignSummary, classes: Sequence[str], digest: str, *, with_images: bool
) -> Iterator[str]:
    if with_images:
        yield from ("task_categories:", "- image-classification")
    size = sum(summary.n_pool >= step for step in _SIZES)
    names = ["n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M"]
    yield from ("size_categories:", f"- {names[size]}")
    yield from ("dataset_info:", "  features:")
    if with_images:
        yield from ("  - name: image", "    dtype: image")
    yield from ("  - name: label", "    dtype:", "      class_label:", "        names:")
    yield from (f"          '{label}': {_quoted(name)}" for label, name in enumerate(classes))
    for name, kind in TYPES.items():
        yield from (f"  - name: {name}", f"    dtype: {kind}")
    yield from ("configs:", "- config_name: default", f"  description: data of sha256 {digest}")
    yield from ("  data_files:", "  - split: train", "    path: data/train-*")


def _promise(summary: CampaignSummary) -> Iterator[str]:
    of = "all items" if summary.target == "set" else "the machine's labels"
    if summary.n_unlabelled:
        yield f"**Not finished**: {summary.n_unlabelled:,} items have no label yet."
        yield ""
    if summary.certified_error is None or summary.confidence is None:
        yield (
            f"No error is certified. The target was wrong machine labels on at most "
            f"{percent(summary.target_error)} of {of}; the point estimate is "
            f"{percent(summary.estimated_error)}."
        )
    else:
        yield (
            f"Wrong machine labels are **at most {percent_at_most(summary.certified_error)} of "
            f"{of}**, certified with {100.0 * summary.confidence:.10g}% confidence by "
            f"{summary.n_audit:,} items that people labelled to check the machine "
            f"(target: {percent(summary.target_error)})."
        )
    yield ""
    yield "Wrong means: not what people would have said. Mistakes that people make are not counted."


def _who(summary: CampaignSummary) -> Iterator[str]:
    yield from ("| labels | items | dollars |", "|---|---:|---:|")
    human, fee = summary.human_cost_usd, summary.machine_fee_usd
    yield f"| people | {summary.n_human:,} | {human:,.2f} |"
    yield f"| machine | {summary.n_machine:,} | {fee:,.2f} |"
    yield f"| training and scoring | | {summary.training_cost_usd:,.2f} |"
    yield f"| all | {summary.n_pool - summary.n_unlabelled:,} | {summary.total_cost_usd:,.2f} |"
    if summary.n_known:
        yield from ("", f"{summary.n_known:,} of people's labels were known before, at no price.")
    if summary.n_no_label:
        yield from ("", f"People found that no class fits {summary.n_no_label:,} items.")
    if summary.n_broken:
        yield from ("", f"{summary.n_broken:,} items cannot be read; people labelled them.")


def _quoted(text: str) -> str:
    """A text as YAML reads it back: JSON, but for what YAML wants escaped."""
    as_json = json.dumps(text, ensure_ascii=False)
    return _NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", as_json)
