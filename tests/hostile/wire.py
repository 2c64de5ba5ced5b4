"""wire: the server that is tested, and HTTP, as strict as the tests need it."""

import atexit
import os
import signal
import socket
import struct
import subprocess
import time

TIMEOUT = 2  # seconds: what the server gives a silent client
PATIENCE = 10  # seconds: what a client here waits for an answer
LIMIT = 1 << 20  # --max-body


class Server:
    def __init__(self, policy, folder):
        self.log = os.path.join(folder, "stderr")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["tr-serve", policy, "--listen", "127.0.0.1:0", "--timeout", str(TIMEOUT),
                 "--max-body", str(LIMIT), "-j", "2"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        atexit.register(self.process.kill)  # whatever happens here
        self.pid = self.process.pid
        for _ in range(200):
            said = self.said()
            if "http://127.0.0.1:" in said:
                break
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        else:
            self.process.kill()
        if "http://127.0.0.1:" not in said:
            raise SystemExit("serve-hostile: tr-serve does not start: " + said)
        self.port = int(said.split("http://127.0.0.1:")[1].split()[0])

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def memory(self):  # KiB
        if self.process.poll() is not None:
            return 0
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmRSS")), 0)

    def descriptors(self):
        if self.process.poll() is not None:
            return 0
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def stop(self):
        """What it said, where it did not end as it should."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "it does not end on SIGTERM"
        return None if status == 0 else f"exit status {status}: {self.said()[-3000:]}"


def routed(policy, text):
    """tr-route's decisions, a list of lines with their ends."""
    out = subprocess.run(["tr-route", "-q", policy], input=text, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, check=False)
    return out.stdout.splitlines(keepends=True)


# ---- HTTP, as strict as the tests need it ----

class Wrong(Exception):
    """The server did what it must not do."""


class Closed(Exception):
    """The connection ended, or was reset, between answers."""


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what came back tells why

    def more(self):
        try:
            got = self.socket.recv(1 << 16)
        except ConnectionResetError:
            got = b""
        self.rest += got
        return got

    def until(self, end):
        while end not in self.rest:
            if not self.more():
                if self.rest:
                    raise Wrong(f"an answer was cut: {self.rest[:200]!r}")
                raise Closed
        head, self.rest = self.rest.split(end, 1)
        return head

    def exactly(self, size):
        while len(self.rest) < size:
            if not self.more():
                raise Wrong(f"a body was cut: {self.rest[:200]!r}")
        body, self.rest = self.rest[:size], self.rest[size:]
        return body

    def answer(self, headless=False):
        """(status, headers, body) of the next answer."""
        lines = self.until(b"\r\n\r\n").split(b"\r\n")
        first = lines[0].split(b" ", 2)
        if len(first) < 2 or first[0] not in (b"HTTP/1.1", b"HTTP/1.0") or not first[1].isdigit():
            raise Wrong(f"no status line: {lines[0][:200]!r}")
        status = int(first[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers[name.decode().lower()] = value.strip().decode()
        if headless or status in (100, 204):
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.until(b"\r\n"), 16):
                body += self.exactly(size)
                self.exactly(2)
            self.exactly(2)
            return status, headers, body
        return status, headers, self.exactly(int(headers["content-length"]))

    def ended(self):
        """True once the server has closed; what it sends before is dropped."""
        while self.more():
            self.rest = b""
        return True

    def half_close(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def maybe_half_close(self, rng):
        """How long to wait for an answer then: the server may notice only when its time is over."""
        if rng.random() > .05:
            return .05
        self.half_close()
        return PATIENCE

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def head(path="/predict", method="POST", version="1.1", **more):
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def post(body, path="/predict", **more):
    return head(path, Content_Length=len(body), **more) + body


def chunked(body, rng, path="/predict"):
    out = head(path, Transfer_Encoding="chunked")
    at = 0
    while at < len(body):
        size = rng.randint(1, max(1, len(body)))
        piece = body[at:at + size]
        out += b"%x\r\n%s\r\n" % (len(piece), piece)
        at += size
    return out + b"0\r\n\r\n"


def want(got, wanted, what):
    if got != wanted:
        raise Wrong(f"{what}: {got[:300]!r}, not {wanted[:300]!r}" if isinstance(got, bytes)
                    else f"{what}: {got!r}, not {wanted!r}")


def refused(client, statuses, closes=True, wait=PATIENCE):
    """One of these statuses, or the end; never a second answer where the connection must end. With
    `wait`, who gets no answer in so many seconds goes."""
    client.socket.settimeout(wait)
    try:
        status, _, _ = client.answer()
    except Closed:
        return 0
    except TimeoutError:
        if wait < PATIENCE:
            return 0
        raise
    client.socket.settimeout(PATIENCE)
    if status not in statuses:
        raise Wrong(f"status {status}, not one of {statuses}")
    if closes:
        # libmicrohttpd says the head of some refusals twice: that is no further answer
        client.half_close()
        while True:
            try:
                again, _, _ = client.answer()
            except (Closed, Wrong, TimeoutError):
                break
            if again not in statuses:
                raise Wrong(f"goes on with status {again} after {status}")
    return status
