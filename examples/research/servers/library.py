"""A library: serves the Markdown files of a folder, and a catalogue of them, over HTTP on the loopback interface.

::

    python library.py [FOLDER]

It chooses a free port, prints its address, and ends when its standard input does.

``/catalogue.json`` lists the documents: ``name``, ``title`` (the first heading), ``about`` (the first paragraph) and
``url``. If the folder has a file ``elsewhere.json``, what that lists is in the catalogue as well: a library knows of
documents that it does not have.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

HERE = Path(__file__).resolve().parent
ABOUT = 400
"""Characters of the first paragraph that the catalogue gives."""


class Library(ThreadingHTTPServer):
    """The server. Files are found by name in a table that is made once: no path from a request reaches the disk."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Reader)
        self.documents = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.md"))}
        elsewhere = folder / "elsewhere.json"
        self.elsewhere = json.loads(elsewhere.read_text(encoding="utf-8")) if elsewhere.exists() else []

    @property
    def address(self) -> str:
        """Where the catalogue is."""
        return f"http://127.0.0.1:{self.server_port}/catalogue.json"

    def catalogue(self) -> bytes:
        """What there is, as JSON."""
        here = [self._entry(name, path) for name, path in self.documents.items()]
        return json.dumps(here + self.elsewhere, indent=1).encode()

    def _entry(self, name: str, path: Path) -> dict[str, str]:
        title, _, rest = path.read_text(encoding="utf-8").strip().partition("\n")
        about = " ".join(rest.strip().split("\n\n")[0].split())[:ABOUT]
        url = f"http://127.0.0.1:{self.server_port}/{quote(name)}"
        return {"name": name, "title": title.lstrip("# "), "about": about, "url": url}


class Reader(BaseHTTPRequestHandler):
    """One request."""

    server: Library

    def do_GET(self) -> None:
        """Answers with the catalogue, or a document."""
        name = unquote(self.path.partition("?")[0].removeprefix("/"))
        if name == "catalogue.json":
            self._answer(200, "application/json", self.server.catalogue())
        elif name in self.server.documents:
            self._answer(200, "text/markdown; charset=utf-8", self.server.documents[name].read_bytes())
        else:
            self._answer(404, "text/plain", b"there is no such document")

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: the host keeps an audit."""


def main(folder: Path) -> None:
    """Serves until standard input ends: when whoever has started this ends, however that comes about, so does this."""
    server = Library(folder)
    print(server.address, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "library")
