"""Run a campaign: the loop of Algorithm 1 over a durable store."""

from .campaign import Campaign
from .decide import Decision, Verdict, decide
from .result import CampaignResult

__all__ = ["Campaign", "CampaignResult", "Decision", "Verdict", "decide"]
