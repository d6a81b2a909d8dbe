"""The real Label Studio, started on loopback; it can be stopped and started again."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx

TOKEN = "abcdef0123456789abcdef0123456789abcdef01"
_FIRST_START_S = 300.0  # with all migrations of the data base


class RealServer:
    """``program`` is the installed ``label-studio``; ``folder`` keeps its data."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.images = folder / "images"  # what it may serve as local files
        self.images.mkdir(parents=True)
        self.log = folder / "log.txt"
        self._program, self._folder = program, folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **more: str) -> float:
        """Return once it answers, with the seconds that took; ``more`` is its environment."""
        began_s = time.monotonic()
        names = ("PATH", "HOME", "LANG", "TMPDIR")
        settings = {name: os.environ[name] for name in names if name in os.environ} | {
            "LABEL_STUDIO_BASE_DATA_DIR": str(self._folder / "data"),
            "LABEL_STUDIO_USERNAME": "owner@example.com",
            "LABEL_STUDIO_PASSWORD": "correct-Horse-9",
            "LABEL_STUDIO_USER_TOKEN": TOKEN,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
            "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(self._folder),
            "LATEST_VERSION_CHECK": "false",
            "COLLECT_ANALYTICS": "false",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
        }
        settings |= more
        command = [self._program, "start", "--no-browser", "--internal-host", "127.0.0.1"]
        command += ["--port", str(self.port), "--data-dir", str(self._folder / "data")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=settings, stdout=log, stderr=log, start_new_session=True
            )
        while not self._is_up():
            assert self._process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() - began_s < _FIRST_START_S, self.log.read_text()[-2000:]
            time.sleep(0.5)
        return time.monotonic() - began_s

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Token {TOKEN}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60.0)

    def n_requests(self) -> int:
        """Requests to its interface so far, by whomever, from its own log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return len(
            {line for line in lines if re.search(r'"[A-Z]+ /api/', line)}
        )  # each is there twice

    def _is_up(self) -> bool:
        try:
            return httpx.get(self.url + "/health", timeout=5.0).is_success
        except httpx.TransportError:
            return False
