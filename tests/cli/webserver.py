"""`gofer web` as tests drive it: started on a free port, spoken to by requests and raw sockets."""
import http.client
import json
import signal
import socket
import ssl
import subprocess
import time
import urllib.parse

PATIENCE = 30


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def why(self):
        return self.json["error"]["message"]

    def __repr__(self):
        return f"<{self.status} {self.body[:500]!r}>"


class Web:
    """A running server; calling it makes a request. `ca`: a file of certificates that it is
    trusted by, where it speaks TLS."""

    def __init__(self, gofer, *args, env=None, ca=None, token=None):
        self.gofer = gofer
        self.log_path = gofer.folder / f"web{time.monotonic_ns()}.log"
        if "--listen" not in args:
            args = ("--listen", "127.0.0.1:0", *args)
        if "--tokens" not in args:
            args = ("--tokens", gofer.folder / "web-tokens", *args)
        with open(self.log_path, "wb") as err:
            self.process = subprocess.Popen(
                [gofer.bin, "web", *map(str, args)], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=err, cwd=gofer.folder,
                env={**gofer.env, **(env or {})})
        gofer.servers.append(self.process)
        self.address = self.process.stdout.readline().decode().strip()
        self.url = urllib.parse.urlsplit(self.address)
        self.token = token
        self.tls = ssl.create_default_context(cafile=ca) if ca else None

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def connect(self, plain=False):
        """A raw socket to it, under TLS if it speaks that."""
        s = socket.create_connection((self.url.hostname, self.url.port), PATIENCE)
        if not self.tls or plain:
            return s
        try:
            return self.tls.wrap_socket(s, server_hostname=self.url.hostname)
        except BaseException:
            s.close()
            raise

    def raw(self, text):
        """Send bytes, and all that comes back until the server closes."""
        with self.connect() as s:
            s.sendall(text if isinstance(text, bytes) else text.encode())
            got = b""
            while chunk := s.recv(65536):
                got += chunk
            return got.decode(errors="replace")

    def __call__(self, path, method="GET", body=None, headers=(), token=None):
        sent = {"Host": self.url.netloc}
        if method not in ("GET", "HEAD"):
            sent["X-Gofer"] = "1"
        if token or self.token:
            sent["Authorization"] = f"Bearer {token or self.token}"
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            sent["Content-Type"] = "application/json"
        sent.update(headers)
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=PATIENCE)
        if self.tls:
            connection = http.client.HTTPSConnection(self.url.hostname, self.url.port,
                                                     timeout=PATIENCE, context=self.tls)
        try:
            connection.request(method, path, body,
                               {k: v for k, v in sent.items() if v is not None})
            response = connection.getresponse()
            endless = response.headers["content-type"] == "text/event-stream"
            return Answer(response, b"" if endless else response.read())
        finally:
            connection.close()

    def post(self, path, body=None, **how):
        return self(path, "POST", body, **how)

    def add_token(self, name, role):
        return self.gofer("web", "token", "add", name, "--role", role, "--tokens",
                          self.gofer.folder / "web-tokens").out.strip()

    def add_password(self, name, role, password):
        self.gofer("web", "token", "add", name, "--role", role, "--password", "--tokens",
                   self.gofer.folder / "web-tokens", input=password + "\n")

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self):
        """In good order, which is where a sanitizer would tell of a leak."""
        code = self.stop() if self.process.poll() is None else self.process.returncode
        self.process.stdout.close()
        assert code in (0, -signal.SIGKILL), self.log
