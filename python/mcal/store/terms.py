"""What a campaign goes on with: the settings and labels it began with, the budget raised last."""

from __future__ import annotations

from mcal.settings import Settings

from .store import Store

__all__ = ["add_budget", "settings_now"]


def settings_now(store: Store) -> Settings:
    """The settings as they stand."""
    settings = Settings.model_validate_json(store.campaign.settings_json)
    settings = settings.knowing(store.n_known())
    raised = [act.details["budget_usd"] for act in store.actions() if "budget_usd" in act.details]
    return settings.model_copy(update={"budget_usd": raised[-1]}) if raised else settings


def add_budget(store: Store, budget_usd: float) -> None:
    """Record that there is more money from now on."""
    before_usd = settings_now(store).budget_usd
    store.add_action(
        round=max((run.round for run in store.runs()), default=0),
        name="budget",
        reason=f"the budget is raised from ${before_usd:,.2f} to ${budget_usd:,.2f}",
        details={"budget_usd": budget_usd},
    )
