"""One writer per campaign: an exclusive lock that the system releases when the process dies."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from mcal.errors import CampaignBusyError, StoreError

from .clock import utc_now

__all__ = ["HOLDER_NAME", "LOCK_NAME", "WriterLock"]

LOCK_NAME = "campaign.lock"
HOLDER_NAME = "campaign.holder"


class WriterLock:
    """Holds ``campaign.lock``. Who holds it stands in ``campaign.holder``, for the message only.

    The holder has a file of its own because some versions of filelock empty the lock file while
    they try to lock it. The folder must be on a disk that supports locks (not on every network
    drive). Forked children share the lock: if the writer is killed, it is free when they are gone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._holder = folder / HOLDER_NAME
        self._lock = FileLock(folder / LOCK_NAME, timeout=0, thread_local=False)

    def acquire(self) -> None:
        """Take the lock at once, or raise ``CampaignBusyError``."""
        try:
            self._lock.acquire()
        except Timeout as error:
            raise CampaignBusyError(
                f"{self._folder}: another process has this campaign{self._who()}; "
                "wait until it ends, or stop it and run the command again"
            ) from error
        except OSError as error:
            raise StoreError(f"{self._folder}: cannot be locked: {error}") from error
        # Not worth failing for: the lock is held, only the message to others would say less.
        with suppress(OSError):
            holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": utc_now()}
            self._holder.write_text(json.dumps(holder), encoding="utf-8")

    def release(self) -> None:
        """Give the lock back. Releasing twice is allowed."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._holder.unlink()
            self._lock.release()

    def _who(self) -> str:
        try:
            holder = json.loads(self._holder.read_text(encoding="utf-8"))
            return f" (process {holder['pid']} on {holder['host']}, since {holder['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return ""
