"""Receives webhooks: verifies the signature of each request, and prints one JSON line for each new one.

    WEBHOOK_SECRET=whsec_… python receive.py 9000

A request may come twice, with the same `webhook-id`: do what it asks for once. Answer within 15 seconds,
and work later.
"""

import base64
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
SEEN: set[str] = set()  # in your program: a unique key in the database, written in the transaction of the work


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        id, at = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        signature = b"v1," + base64.b64encode(hmac.digest(KEY, f"{id}.{at}.".encode() + body, "sha256"))
        given = [one.encode() for one in self.headers["webhook-signature"].split()]
        genuine = any(hmac.compare_digest(signature, one) for one in given) and abs(time.time() - int(at)) < 300
        if genuine and id not in SEEN:
            SEEN.add(id)
            event = json.loads(body)
            print(json.dumps({"id": id, "type": event["type"], "data": event["data"]}), flush=True)
        self.send_response(204 if genuine else 401)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
