"""What can go wrong outside the numbers. A caller's mistake is a ``ValueError`` instead."""

__all__ = [
    "AnnotatorError",
    "BudgetError",
    "CampaignBusyError",
    "ClassifierError",
    "DeviceError",
    "ExportError",
    "McalError",
    "MissingExtraError",
    "PoolError",
    "SettingsError",
    "StoreError",
]


class McalError(Exception):
    """Base of every error that mcal raises about the outside world."""


class SettingsError(McalError, ValueError):
    """The settings of a campaign do not make sense; one line for each thing to mend."""


class PoolError(McalError):
    """The pool cannot be read, or is not the pool that the campaign began with."""


class AnnotatorError(McalError):
    """An annotation service or file did not do what its protocol says."""


class ClassifierError(McalError):
    """A classifier cannot be built, trained, saved or loaded."""


class BudgetError(McalError):
    """A budget is spent before the campaign could end; nothing more is bought."""


class ExportError(McalError):
    """A labelled pool cannot be written to a file."""


class DeviceError(McalError):
    """A CUDA device is missing, or has too little memory."""


class StoreError(McalError):
    """The campaign's store cannot be read or written, or asks for a forbidden move."""


class CampaignBusyError(StoreError):
    """Another process has the campaign."""


class MissingExtraError(McalError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'mcal[{extra}]'")
        self.package = package
        self.extra = extra
