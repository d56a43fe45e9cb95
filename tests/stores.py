"""A store of S3 on this machine, for tests: moto's server, whose requests are counted from its log."""

import contextlib
import logging
import os
import re
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BUCKET = "glimpse-test"
MARK = "DONOTPRINT"
SECRETS = {
    "AWS_ACCESS_KEY_ID": f"AKIA{MARK}",
    "AWS_SECRET_ACCESS_KEY": f"secret{MARK}",
    "AWS_SESSION_TOKEN": f"token{MARK}",
}


class S3Server(logging.Handler):
    """A server for the session.

    Attributes
    ----------
    url : str
        Its endpoint.
    requests : list of (str, str, int)
        Method, path with query, and status of each request since the list was cleared.
    """

    def __init__(self):
        super().__init__(logging.INFO)
        from moto.server import ThreadedMotoServer

        self.requests = []
        log = logging.getLogger("werkzeug")
        log.setLevel(logging.INFO)
        log.addHandler(self)
        log.propagate = False
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        with contextlib.redirect_stdout(None):
            self._server.start()
        self.url = "http://{}:{}".format(*self._server.get_host_and_port())
        self.make_bucket(BUCKET)

    def emit(self, record):
        found = re.search(r'"([A-Z]+) (\S+) HTTP/1.1"\D* (\d{3})', re.sub(r"\x1b\[[0-9;]*m", "", record.getMessage()))
        if found is not None:
            self.requests.append((found[1], found[2], int(found[3])))

    def make_bucket(self, name):
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", method="PUT")).close()

    @contextlib.contextmanager
    def refusing(self):
        """Let the server check credentials, which it then does not know."""
        self._post("/moto-api/reset-auth", b"0")
        try:
            yield
        finally:
            self._post("/moto-api/reset-auth", b"inf")

    def counted(self):
        """Give the requests of objects since the last call, without their queries."""
        counted = [(method, path.partition("?")[0]) for method, path, _ in self.requests if "/moto-api" not in path]
        self.requests.clear()
        return counted

    def environment(self):
        """Give the variables by which obstore finds the server."""
        return {**SECRETS, "AWS_ENDPOINT_URL": self.url, "AWS_REGION": "us-east-1"}

    def stop(self):
        logging.getLogger("werkzeug").removeHandler(self)
        self._server.stop()

    def _post(self, path, data):
        kind = {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(self.url + path, data, kind, method="POST")).close()


def without_clouds(monkeypatch):
    """Take all variables of object stores from the environment."""
    for name in [*os.environ]:
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_")):
            monkeypatch.delenv(name)


class WebServer:
    """A web server of files on this machine.

    Attributes
    ----------
    url : str
    files : dict of str to bytes
        The content of each path, as requests write it; ``403`` and ``404`` are answers to all others.
    requests : list of (str, str, str or None)
        Method, path with query, and the range of each request.
    parts : bool
        Whether the server knows ranges.
    """

    def __init__(self):
        self.files, self.requests, self.parts = {}, [], True
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                web.requests.append((self.command, self.path, self.headers["Range"]))
                path = self.path.partition("?")[0]
                content, status, headers = web.files.get(path, b"DONOTPRINT"), 200, {}
                if path not in web.files:
                    status = 403 if "403" in path else 404
                elif isinstance(content, str):
                    content, status, headers = b"", 302, {"Location": content}
                elif web.parts and self.headers["Range"]:
                    first, last = map(int, re.findall(r"\d+", self.headers["Range"]))
                    size, part = len(content), content[first : last + 1]
                    content, status = part, 206 if part else 416
                    headers = {
                        "Content-Range": f"bytes {first}-{first + len(part) - 1}/{size}" if part else f"*/{size}"
                    }
                self.send_response(status)
                for name, value in {**headers, "Content-Length": len(content), "ETag": '"e"'}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
