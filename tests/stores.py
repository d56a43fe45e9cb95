"""A store of S3 on this machine, for tests: moto's server, whose requests are counted from its log."""

import contextlib
import logging
import os
import re
import urllib.request

BUCKET = "glimpse-test"
SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIADONOTPRINT",
    "AWS_SECRET_ACCESS_KEY": "secretDONOTPRINT",
    "AWS_SESSION_TOKEN": "tokenDONOTPRINT",
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
        urllib.request.urlopen(urllib.request.Request(self.url + path, data=data, method="POST")).close()


def without_clouds(monkeypatch):
    """Take all variables of object stores from the environment."""
    for name in [*os.environ]:
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_")):
            monkeypatch.delenv(name)
