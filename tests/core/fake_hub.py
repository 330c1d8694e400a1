"""A hub on this machine: the few answers of the Hugging Face hub that a download needs, from a folder."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "c" * 40


class FakeHub:
    """Serves one repository; `requests` lists what was asked."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder, self.requests = name, folder, []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                hub.answer(self, with_body=True)

            def do_HEAD(self):
                hub.answer(self, with_body=False)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler, *, with_body: bool) -> None:
        path = handler.path.split("?")[0]
        self.requests.append(f"{handler.command} {path}")
        files = {path.name: path for path in self.folder.iterdir()}
        if path in (
            f"/api/models/{self.name}",
            f"/api/models/{self.name}/revision/main",
            f"/api/models/{self.name}/revision/{COMMIT}",
        ):
            siblings = [{"rfilename": name, "size": path.stat().st_size} for name, path in files.items()]
            self._send(
                handler, 200, json.dumps({"id": self.name, "sha": COMMIT, "siblings": siblings}).encode(), with_body
            )
        elif path.startswith((f"/api/models/{self.name}/tree/", f"/api/models/{self.name}/paths-info/")):
            tree = [
                {"type": "file", "path": name, "size": path.stat().st_size, "oid": "0" * 40}
                for name, path in files.items()
            ]
            self._send(handler, 200, json.dumps(tree).encode(), with_body)
        elif path.rsplit("/", 1)[-1] in files and "/resolve/" in path:
            content = files[path.rsplit("/", 1)[-1]].read_bytes()
            headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
            self._send(handler, 200, content, with_body, headers)
        else:
            self._send(handler, 404, b"", with_body, {"X-Error-Code": "RepoNotFound"})

    @staticmethod
    def _send(handler, status: int, body: bytes, with_body: bool, headers: dict[str, str] | None = None) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if with_body:
            handler.wfile.write(body)
