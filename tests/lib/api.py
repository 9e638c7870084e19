"""A plain HTTPS client for what kubectl does not show: status codes, headers, raw bodies, watch events one by one."""
import base64
import http.client
import json
import os
import re
import ssl
import tempfile
from urllib.parse import urlsplit

from lib import wait


class Answer:
    """Status, headers and body of one answer; `json` decodes it."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return '%d %s %s' % (self.status, self.headers.get('Content-Type'), self.body[:2000].decode('utf-8', 'replace'))

    @property
    def json(self):
        return json.loads(self.body)


class Api:
    """Calls to the server that a kubeconfig names, with its client certificate (or a token, or nothing)."""

    def __init__(self, kubeconfig, token=None, anonymous=False, server=None):
        with open(kubeconfig, encoding='utf-8') as f:
            text = f.read()
        self.url = urlsplit(server or re.search(r'^\s*server:\s*"?([^\s"]+)', text, re.M).group(1))
        self.token = token
        self.tls = ssl.create_default_context(cadata=self._data(text, 'certificate-authority-data').decode())
        if not anonymous and not token:
            with tempfile.NamedTemporaryFile('wb') as pem:
                os.fchmod(pem.fileno(), 0o600)
                pem.write(self._data(text, 'client-certificate-data') + b'\n' + self._data(text, 'client-key-data'))
                pem.flush()
                self.tls.load_cert_chain(pem.name)

    @staticmethod
    def _data(text, key):
        return base64.b64decode(re.search(r'^\s*%s:\s*"?([^\s"]+)' % key, text, re.M).group(1))

    def connect(self, seconds=15):
        return http.client.HTTPSConnection(self.url.hostname, self.url.port, timeout=seconds * wait.SLOW, context=self.tls)

    def _headers(self, body, content_type, headers):
        made = {'Accept': 'application/json'}
        if body is not None:
            made['Content-Type'] = content_type
        if self.token:
            made['Authorization'] = 'Bearer ' + self.token
        return {**made, **(headers or {})}

    def call(self, verb, path, body=None, content_type='application/json', headers=None, connection=None):
        """One request; body is bytes, text or a value."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        conn = connection or self.connect()
        try:
            conn.request(verb, path, body.encode() if isinstance(body, str) else body, self._headers(body, content_type, headers))
            reply = conn.getresponse()
            return Answer(reply.status, reply.headers, reply.read())
        finally:
            if not connection:
                conn.close()

    def get(self, path, **kwargs):
        return self.call('GET', path, **kwargs)

    def create(self, path, body, **kwargs):
        """Creates and returns the object; fails the test on any other answer."""
        answer = self.call('POST', path, body, **kwargs)
        assert answer.status == 201, answer
        return answer.json

    def delete(self, path, **kwargs):
        return self.call('DELETE', path, **kwargs)

    def watch(self, path, seconds=15, headers=None):
        """A watch: an iterator of events, to be closed."""
        return Watch(self, path, seconds, headers)


class Watch:
    """Events of one watch request.  Iterating blocks until the next one, at most `seconds`."""

    def __init__(self, api, path, seconds, headers):
        self.conn = api.connect(seconds)
        self.conn.request('GET', path + ('&' if '?' in path else '?') + 'watch=true', headers=api._headers(None, '', headers))
        self.reply = self.conn.getresponse()
        assert self.reply.status == 200, (self.reply.status, self.reply.read())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.conn.close()

    def __iter__(self):
        return self

    def __next__(self):
        line = self.reply.readline()
        if not line:
            raise StopIteration
        return json.loads(line)

    def until(self, condition, what):
        """The first event for which condition(event) holds; what came before is in the message of a failure."""
        seen = []
        try:
            for event in self:
                if condition(event):
                    return event
                seen.append((event['type'], event['object'].get('metadata', {}).get('name')))
        except OSError as error:
            raise wait.Timeout('%s: %s; events before: %r' % (what, error, seen[-20:])) from None
        raise wait.Timeout('%s: the watch ended; events before: %r' % (what, seen[-20:]))
