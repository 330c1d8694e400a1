"""A Streamlit server in a process of its own, timed from its start, always ended."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Self

from benchmarks.report import ROOT

_DEADLINE_S = 120


class Server:
    """Runs a script with the project's own configuration, which Streamlit reads from the working folder."""

    def __init__(self, script: Path, *arguments: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        options = ["--server.headless", "true", "--server.port", str(port), "--server.fileWatcherType", "none"]
        self._command = [sys.executable, "-m", "streamlit", "run", str(script), *options, "--", *arguments]

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        self.started = time.time()
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._wait_for_health()
        except BaseException:
            self.__exit__()
            raise
        self.pid = self._process.pid
        self.healthy_s = time.time() - self.started
        """Seconds from the start of the process until it says that it is well."""
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _wait_for_health(self) -> None:
        while time.time() - self.started < _DEADLINE_S and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1) as answer:
                    if answer.read() == b"ok":
                        return
            except OSError:
                time.sleep(0.02)
        self._log.seek(0)
        raise RuntimeError("the server did not start:\n" + self._log.read().decode(errors="replace")[-2000:])
