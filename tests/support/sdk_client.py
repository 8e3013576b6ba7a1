# SPDX-License-Identifier: Apache-2.0
"""A client that does on the wire what pyPreservica's SDK does, by http.client alone."""

import base64
import hashlib
import hmac
import http.client
import json
import time
import urllib.parse
import xml.etree.ElementTree

PATIENCE = 120
FORM = "application/x-www-form-urlencoded"


def one_time_code(seed, moment=None):
    """RFC 6238: SHA-1, six digits, 30 seconds."""
    counter = int((time.time() if moment is None else moment) // 30).to_bytes(8, "big")
    digest = hmac.new(base64.b32decode(seed), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset:offset + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body!r}"


class SdkClient:
    def __init__(self, authority, tenant="SANDBOX"):
        self.authority, self.tenant = authority, tenant
        self.token = self.refresh_token = None

    def call(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(self.authority, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def form(self, path, fields, **headers):
        return self.call("POST", f"/api/accesstoken/{path}", urllib.parse.urlencode(fields), Content_Type=FORM, **headers)

    def take(self, answer):
        if answer.status == 200:
            self.token, self.refresh_token = answer.json()["token"], answer.json()["refresh-token"]
        return answer

    def login(self, username="admin@example.com", password="sandbox-password", **fields):
        wanted = {"username": username, "password": password, **(fields or {"tenant": self.tenant})}
        return self.take(self.form("login", wanted))

    def complete_2fa(self, username, continuation_token, code):
        return self.take(self.form("complete-2fa", {"username": username, "tenant": self.tenant,
                                                    "continuationToken": continuation_token, "twoFactorToken": code}))

    def refresh(self):
        return self.take(self.form("refresh", {"refreshToken": self.refresh_token}, Preservica_Access_Token=self.token))

    def acquire_external(self, shared_secret, username="admin@example.com", moment=None):
        timestamp = str(int(time.time() if moment is None else moment))
        digest = hashlib.sha1(f"preservica-external-auth{timestamp}{username}{shared_secret}".encode()).hexdigest()
        return self.take(self.form("acquire-external", {"username": username, "tenant": self.tenant,
                                                        "timestamp": timestamp, "hash": digest}))

    def api(self, method, path, body=None, **headers):
        return self.call(method, f"/api/{path}", body, Preservica_Access_Token=self.token or "", **headers)

    def version(self):
        tree = xml.etree.ElementTree.fromstring(self.api("GET", "entity/versiondetails/version").body)
        return next(each.text for each in tree.iter() if each.tag.rpartition("}")[2] == "CurrentVersion")

    def subscribe(self, url, secret, trigger="MOVED", **fields):
        body = {"url": url, "triggerType": trigger, "secret": secret, "includeIdentifiers": "true", **fields}
        return self.api("POST", "webhook/subscriptions", json.dumps(body), Content_Type="application/json")

    def subscriptions(self):
        return self.api("GET", "webhook/subscriptions")

    def unsubscribe(self, identifier):
        return self.api("DELETE", f"webhook/subscriptions/{identifier}")
