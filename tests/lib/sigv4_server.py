"""A server that speaks Converse and answers only requests whose signature is right.

Each signature (AWS Signature Version 4) is computed again from what came over the wire, by the rules as
written here with the standard library alone and, where the module is there, by botocore; the two must agree.
A wrong one is answered as AWS does and counted. GET /report gives the counts.

usage: sigv4_server.py KEY_ID SECRET TOKEN|- REGION
"""
import collections
import datetime
import hashlib
import hmac
import http.server
import json
import sys
import threading
import urllib.parse

try:
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
except ImportError:
    botocore = None

SERVICE = "bedrock"
NO_DIGEST = hashlib.sha256(b"").hexdigest()


class Wrong(Exception):
    """A request that AWS would refuse."""


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def canonical_path(path):
    """The path as sent, without empty and dot segments, each byte encoded once more."""
    kept = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    tail = "/" if path.endswith("/") and kept else ""
    return urllib.parse.quote("/" + "/".join(kept) + tail, safe="/~")


def canonical_request(method, path, headers, signed, body):
    lines = [method, canonical_path(path), ""]
    for name in signed:
        lines.append(name + ":" + " ".join(headers[name].split()))
    digest = hashlib.sha256(body).hexdigest() if body else NO_DIGEST
    return "\n".join(lines + ["", ";".join(signed), digest])


def signature(secret, date, scope, request):
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = mac(key, part)
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(request.encode()).hexdigest()])
    return mac(key, text).hex()


def check_the_rules():
    """Two cases of the test suite that AWS has published, so that a mistake above is not taken for one of the client."""
    host = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z"}
    scope = "20150830/us-east-1/service/aws4_request"
    for path, want in (("/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
                       ("/\u1234", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85")):
        got = signature("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830T123600Z", scope,
                        canonical_request("GET", path, host, sorted(host), b""))
        assert got == want, (path, got)


def by_botocore(secret, method, url, headers, signed, body, date, region):
    auth = botocore.auth.SigV4Auth(botocore.credentials.Credentials("x", secret), SERVICE, region)
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body,
                                             headers={name: headers[name] for name in signed})
    request.context["timestamp"] = date
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return auth.signature(text, request)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    counts = collections.Counter()
    seen = collections.Counter()
    lock = threading.Lock()

    def count(self, what):
        with self.lock:
            self.counts[what] += 1
            return self.counts[what]

    def verify(self, body):
        headers = {name.lower(): value for name, value in self.headers.items()}
        kind, _, rest = headers.get("authorization", "").partition(" ")
        if kind != "AWS4-HMAC-SHA256":
            raise Wrong("MissingAuthenticationTokenException")
        fields = dict(field.strip().split("=", 1) for field in rest.split(","))
        key_id, _, scope = fields["Credential"].partition("/")
        signed = fields["SignedHeaders"].split(";")
        date = headers.get("x-amz-date", "")
        now = datetime.datetime.now(datetime.timezone.utc)
        sent = datetime.datetime.strptime(date + "+0000", "%Y%m%dT%H%M%SZ%z")
        if key_id != KEY_ID or scope != f"{date[:8]}/{REGION}/{SERVICE}/aws4_request":
            raise Wrong("UnrecognizedClientException")
        if abs((now - sent).total_seconds()) > 300:
            raise Wrong("InvalidSignatureException")
        if headers.get("x-amz-security-token", "-") != TOKEN:
            raise Wrong("UnrecognizedClientException")
        must = {name for name in headers if name.startswith("x-amz-")} | {"host"}
        if signed != sorted(signed) or not must <= set(signed) or not set(signed) <= set(headers):
            raise Wrong("IncompleteSignatureException")
        mine = signature(SECRET, date, scope,
                         canonical_request(self.command, self.path, headers, signed, body))
        if botocore:
            url = f"http://{headers['host']}{self.path}"
            theirs = by_botocore(SECRET, self.command, url, headers, signed, body, date, REGION)
            assert theirs == mine, ("the two verifiers disagree", self.path)
        if fields["Signature"] != mine:
            raise Wrong("InvalidSignatureException")

    def answer(self, status, body, kind=None):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if kind:
            self.send_header("x-amzn-ErrorType", kind)
        self.end_headers()
        self.wfile.write(text)

    def refused(self, body):
        try:
            self.verify(body)
        except Wrong as wrong:
            self.count("refused")
            self.answer(403, {"message": "refused"}, str(wrong))
            return True
        return False

    def do_GET(self):
        if self.path == "/report":
            with self.lock:
                report = dict(self.counts, paths=dict(self.seen), botocore=bool(botocore))
            self.answer(200, report)
        elif not self.refused(b""):
            self.count("empty")
            self.answer(200, {"data": []})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.refused(body):
            return
        good = self.count("good")
        with self.lock:
            self.seen[self.path] += 1
        if good % 3 == 0:
            self.answer(500, {"message": "once more"}, "InternalServerException")
        else:
            said = json.loads(body)["messages"][-1]["content"][0]["text"]
            usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
            message = {"role": "assistant", "content": [{"text": said[:40]}]}
            self.answer(200, {"output": {"message": message}, "stopReason": "end_turn", "usage": usage})
        if good % 5 == 0:  # without a word: the next request on this connection is sent again by itself
            self.close_connection = True

    def log_message(self, *args):
        pass


KEY_ID, SECRET, TOKEN, REGION = sys.argv[1:]
check_the_rules()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
