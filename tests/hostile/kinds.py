"""kinds: what nobody should send. Each kind is a function of a storm and a generator of random
numbers; it raises where the server does what it must not, and returns the status, 0 for none."""

import json

from hostile.wire import LIMIT, PATIENCE, Client, Wrong, chunked, head, post, refused, routed, want

BIG = 100 << 20


class Storm:
    def __init__(self, policy, requests, light):
        self.port = 0
        self.light = light
        self.good = requests[:100]
        self.wanted = routed(policy, b"".join(self.good))
        self.bodies = []  # and the line that each of them gets
        for body in bad_bodies(self.good[0]):
            lines = routed(policy, body.replace(b"\n", b" ") + b"\n")
            if len(lines) == 1 and b'"error":' in lines[0]:
                self.bodies.append((body, lines[0]))
        self.lines = b"".join(b"".join((g, b.replace(b"\n", b" "), b"\n")) for g, (b, _)
                              in zip(self.good, self.bodies) if len(b) < 5000)
        self.lines = self.lines[:-1]  # the last one without its end
        self.decisions = b"".join(routed(policy, self.lines))
        self.batches = bad_batches(json.loads(self.good[0]))

    def client(self):
        return Client(self.port)


def bad_bodies(good):
    request = json.loads(good)
    text = good.strip()
    embedding = request.pop("embedding", [])
    bare = json.dumps(request).encode()
    vectors = (embedding[:-1], embedding + [1], [], None, "", "AAAA", "not base64!", [embedding],
               embedding[:-1] + ["1"], embedding[:-1] + [None], {"0": 1}, 12, True)
    numbers = (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"1e39", b"0x1", b"01", b"1.", b"--1")
    odd = []
    if embedding:
        odd = [json.dumps({**request, "embedding": v}).encode() for v in vectors]
        odd += [bare[:-1] + b',"embedding":[%s]}' % b",".join([x] * len(embedding))
                for x in numbers]
    return odd + [
        b"", b" ", b"x", b"{", b"}", b"[]", b"[" * 5000 + b"]" * 5000, b'{"a":' * 5000, b"null",
        b"1", b'"input"', b"{}", b'{"input":}', b'{"input":null}', b'{"input":1}',
        b'{"input":["a"]}',
        b'{"input":"a"', b'{"input":"a"}}', b'{"input":"a"}{"input":"b"}', b'{"input":"a",}',
        b'{"input":"\\ud800"}', b'{"input":"\xff\xfe"}', b'{"input":"\xc0\x80"}',
        b'{"input":"\\x"}', b'{"input":"a\x00b"}', b"\x00", b'{"input":"a\tb"}', b"{'input':'a'}",
        b'{input:"a"}',
        b'{"input":"' + b"\\" * 4001 + b'"}', b"\x1f\x8b\x08\x00" + bytes(range(128, 256)),
        b"\xef\xbb\xbf\xef\xbb\xbf{}", text[:-1], text[1:], text + text,
        text[:-1] + b',"input":"twice"}',
        b'{"input":"' + b"z" * 100000, b'{"' + b"k" * 70000 + b'":' + b"1" * 70000 + b"x}"]


def bad_batches(request):
    rows = request.get("embedding", [0] * 4)
    texts = [request["input"]] * 3
    whole = {"inputs": texts, "embeddings": [rows] * 3}
    changed = [{"inputs": "a"}, {"inputs": [1]}, {"inputs": [None]}, {"embeddings": rows},
               {"embeddings": [rows, rows[:-1], rows]}, {"embeddings": [[], [], []]},
               {"embeddings": [rows]}, {"embeddings": [["a"] * len(rows)] * 3}]
    out = [json.dumps({**whole, **c}).encode() for c in changed
           if "embedding" in request or "inputs" in c]
    return out + [b"", b"[]", b"{}", b"{", b"null", b'{"inputs":[', b'{"inputs":{}}', b"[" * 9999,
                  b'{"inputs":["a"],"embeddings":[[1,2]]}', b'{"inputs":["a\x00"]}']


def wrong_method(storm, rng):
    path, allowed = rng.choice((("/predict", "POST"), ("/predict_batch", "POST"),
                                ("/route", "POST"), ("/health", "GET"), ("/metrics", "GET")))
    methods = ["PUT", "DELETE", "PATCH", "OPTIONS", "BREW", "TRACE"]
    method = rng.choice(methods + (["GET", "HEAD"] if allowed == "POST" else ["POST"]))
    body = storm.good[0] if method not in ("GET", "HEAD") and rng.random() < .5 else b""
    with storm.client() as c:
        c.send(head(path, method, Content_Length=len(body)) + body)
        status, headers, said = c.answer(headless=method == "HEAD")
        want(status, 405, f"{method} {path}")
        if allowed not in headers.get("allow", ""):
            raise Wrong(f"{method} {path}: Allow is {headers.get('allow')}")
        if method != "HEAD":
            json.loads(said)["error"]  # pylint: disable=expression-not-assigned
    return status


def wrong_path(storm, rng):
    path = rng.choice(("/", "/predict/", "/PREDICT", "/predict%00", "/../predict", "//predict",
                       "/%", "/a?b", "/predict_batch2", "/.env", "/" + "a" * 3000, "*",
                       "/%2e%2e/%2e%2e/etc/passwd"))
    with storm.client() as c:
        c.send(post(storm.good[1], path))
        return refused(c, (404, 400), closes=False)


def bad_body(storm, rng):
    body, line = rng.choice(storm.bodies)
    with storm.client() as c:
        c.send(post(body) if rng.random() < .7 else chunked(body, rng))
        status, _, said = c.answer()
        want(status, 400, f"{body[:100]!r}")
        want(said, line, "the decision of a bad body")
        c.send(post(storm.good[2]))  # and the connection goes on
        status, _, said = c.answer()
        want((status, said), (200, storm.wanted[2]), "behind a bad body")
    return 400


def bad_batch(storm, rng):
    with storm.client() as c:
        body = rng.choice(storm.batches)
        c.send(post(body, "/predict_batch"))
        status, _, said = c.answer()
        want(status, 400, f"batch {body[:100]!r}")
        json.loads(said)["error"]  # pylint: disable=expression-not-assigned
    return status


def bad_lines(storm, rng):
    with storm.client() as c:
        data = storm.lines
        c.send(post(data, "/route") if rng.random() < .5 else chunked(data, rng, "/route"))
        status, _, said = c.answer()
        want((status, said), (200, storm.decisions), "/route")
    return status


def cut_body(storm, rng):
    good = post(rng.choice(storm.good))
    with storm.client() as c:
        c.send(good[:rng.randint(1, len(good) - 1)])
        if rng.random() < .5:
            return 0
        return refused(c, (400, 408), wait=c.maybe_half_close(rng))


def reset(storm, rng):
    good = post(rng.choice(storm.good)) * rng.randint(1, 3)
    with storm.client() as c:
        c.send(good[:rng.randint(0, len(good))])
        c.reset()
    return 0


def declared_big(storm, rng):
    path = rng.choice(("/predict", "/predict_batch", "/route"))
    expects = {"Expect": "100-continue"} if rng.random() < .5 else {}
    size = rng.choice((LIMIT + 1, BIG, 1 << 40, (1 << 63) - 1))
    with storm.client() as c:
        c.send(head(path, Content_Length=size, **expects))
        status, _, _ = c.answer()
        want(status, 413, "a large body announced")
        c.ended()
    return status


def pushed_big(storm, rng):
    size = 4 << 20 if storm.light else BIG
    piece = b" " * (1 << 16)
    path = rng.choice(("/predict", "/predict_batch", "/route"))
    if rng.random() < .5:
        first = head(path, Content_Length=size)
    else:
        first = head(path, Transfer_Encoding="chunked")
        piece = b"%x\r\n%s\r\n" % (len(piece), piece)
    with storm.client() as c:
        c.socket.sendall(first)
        sent = 0
        try:
            while sent < size:
                c.socket.sendall(piece)
                sent += len(piece)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass
        return refused(c, (413,))


def bad_chunk(storm, rng):
    body = storm.good[0].strip()
    size = b"%x" % len(body)
    bad = rng.choice((b"zz", b"-1", b"+" + size, b"0x" + size, b" " + size, size + b" ", b"",
                      size + b"\0", b"f" * 17, b"f" * 18, b"7fffffffffffffff", b";", b"1",
                      size + b"0", b"1" * 9000))
    with storm.client() as c:
        c.send(head(Transfer_Encoding="chunked") + bad + b"\r\n" + body + b"\r\n0\r\n\r\n")
        return refused(c, (400, 413), wait=c.maybe_half_close(rng))


def smuggled(storm, rng):
    body = storm.good[0].strip()
    inner = head("/smuggled", "GET")
    pieces = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    n = len(body)
    first, data = rng.choice((
        (f"Content-Length: {n}\r\nTransfer-Encoding: chunked", pieces),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", pieces),
        (f"Content-Length: {n}\r\nContent-Length: {n + len(inner)}", body),
        (f"Content-Length: {n + len(inner)}\r\nContent-Length: {n}", body),
        (f"Content-Length: {n}, {n}", body), (f"Content-Length: +{n}", body),
        (f"Content-Length: {n}abc", body), (f"Content-Length: 0x{n:x}", body),
        ("Content-Length: -1", body), ("Content-Length:", body),
        (f"Content-Length: {'9' * 30}", body), (f"Content-Length: {n} {n}", body),
        ("Transfer-Encoding : chunked", pieces), (f"Content-Length : {n}", body),
        ("Transfer-Encoding: chunked, identity", pieces), ("Transfer-Encoding: xchunked", pieces),
        ("Transfer-Encoding: gzip, chunked", pieces), ("Transfer-Encoding: chunked\x0b", pieces),
        ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", pieces),
        ("Transfer-Encoding:\r\n chunked", pieces),
        (f"X: y\r\n Content-Length: {n}\r\nContent-Length: 0x5", body)))
    told = f"POST /predict HTTP/1.1\r\nHost: localhost\r\n{first}\r\n\r\n"
    with storm.client() as c:
        c.send(told.encode("latin-1") + data + inner)
        return refused(c, (400, 413, 501))


def garbage_behind(storm, rng):
    garbage = rng.choice((b"\0" * 100, b"garbage\r\n\r\n", b"\xff" * 3000, b"{}\r\n\r\n",
                          b"GET\r\n\r\n", b"\r\n\r\nx y z\r\n\r\n", rng.randbytes(500)))
    with storm.client() as c:
        c.send(post(storm.good[3]) + garbage)
        wait = c.maybe_half_close(rng)
        c.socket.settimeout(PATIENCE)
        status, _, said = c.answer()
        want((status, said), (200, storm.wanted[3]), "before garbage")
        return refused(c, (400, 404, 405, 431, 505), wait=wait)


def pipelined(storm, rng):
    """Many at once, in odd pieces: all are answered, in order."""
    chosen = [rng.randrange(len(storm.good)) for _ in range(20)]
    data = b"".join(post(storm.good[k]) if k % 3 else chunked(storm.good[k], rng) for k in chosen)
    with storm.client() as c:
        at = 0
        while at < len(data):
            size = rng.randint(1, 3000)
            c.send(data[at:at + size])
            at += size
        for k in chosen:
            status, _, said = c.answer()
            want((status, said), (200, storm.wanted[k]), "pipelined")
    return 200


def huge_head(storm, rng):
    what = rng.choice(("header", "headers", "path", "method", "name"))
    first = {"path": "POST /" + "a" * 100000 + " HTTP/1.1\r\n",
             "method": "A" * 100000 + " / HTTP/1.1\r\n"}.get(what, "POST /predict HTTP/1.1\r\n")
    rest = {"header": "X: " + "b" * 100000 + "\r\n", "name": "b" * 100000 + ": x\r\n",
            "headers": "".join(f"X-{k}: {k}\r\n" for k in range(9000))}.get(what, "")
    with storm.client() as c:
        c.send((first + "Host: localhost\r\n" + rest + "Content-Length: 2\r\n\r\n{}").encode())
        return refused(c, (400, 413, 414, 431, 501), wait=c.maybe_half_close(rng))


def no_http(storm, rng):
    data = rng.choice((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
                       b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 40, b"\0" * 2000, b"",
                       b"\r\n" * 500, b"GET /health\r\n\r\n", b"GET  /health  HTTP/1.1\r\n\r\n",
                       b"SSH-2.0-x\r\n", b"EHLO x\r\n", b"GET /health HTTP/1.1x\r\n\r\n",
                       b"POST /predict HTTP/9.9\r\nHost: x\r\n\r\n",
                       b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
                       rng.randbytes(rng.randint(1, 4000))))
    with storm.client() as c:
        c.send(data)
        return refused(c, (400, 404, 405, 413, 414, 431, 501, 505), wait=c.maybe_half_close(rng))


def old_http(storm, rng):
    with storm.client() as c:
        if rng.random() < .5:
            c.send(head(version="1.0", Content_Length=len(storm.good[4])) + storm.good[4])
        else:
            c.send(post(storm.good[4], Connection="close"))
        status, _, said = c.answer()
        want((status, said), (200, storm.wanted[4]), "HTTP/1.0, Connection: close")
        c.ended()
    return status


def expects(storm, rng):
    """Waits for leave to send the body; then sends it in two pieces."""
    body = rng.choice(storm.bodies)[0] or b" "
    k = rng.randrange(len(storm.good))
    with storm.client() as c:
        c.send(head(Content_Length=len(storm.good[k]), Expect="100-continue"))
        want(c.answer()[0], 100, "leave to send")
        c.send(storm.good[k][:9])
        c.send(storm.good[k][9:])
        status, _, said = c.answer()
        want((status, said), (200, storm.wanted[k]), "after leave to send")
        c.send(head(Content_Length=len(body), Expect="100-continue") + body)
        if (status := c.answer()[0]) == 100:
            status = c.answer()[0]
        want(status, 400, "a bad body behind Expect")
    return 200


def dribble(storm, rng):
    """A byte at a time, as fast as the network takes them."""
    data = post(storm.good[5]) if rng.random() < .5 else chunked(storm.good[5], rng)
    with storm.client() as c:
        for k in range(len(data)):
            c.send(data[k:k + 1])
        status, _, said = c.answer()
        want((status, said), (200, storm.wanted[5]), "a byte at a time")
    return status


KINDS = {bad_body: 25, wrong_method: 8, wrong_path: 6, bad_batch: 8, bad_lines: 1, cut_body: 12,
         reset: 10, declared_big: 5, bad_chunk: 7, smuggled: 10, garbage_behind: 6, pipelined: 2,
         huge_head: 2, no_http: 8, old_http: 4, expects: 2, dribble: .3}  # with their weights
PUSHED = 6  # of pushed_big, 100 MB each
