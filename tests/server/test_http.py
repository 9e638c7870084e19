"""The server as a careless or hostile client meets it: bytes cut anywhere, too many of them, too few, the wrong ones."""
import json

import pytest

from lib.wire import Wire


def request(verb, path, body=None, headers=()):
    """The bytes of a request."""
    lines = ['%s %s HTTP/1.1' % (verb, path), 'Host: x', 'Accept: application/json', *headers]
    if body is not None:
        lines += ['Content-Type: application/json', 'Content-Length: %d' % len(body)]
    return ('\r\n'.join(lines) + '\r\n\r\n').encode() + (body or b'')


def configmap(name, size=10):
    return json.dumps({'metadata': {'name': name}, 'data': {'key': 'x' * size}}).encode()


# How a pipeline is cut: into records and into writes.
CUTS = {
    'one write': lambda wire, requests: wire.send(b''.join(requests)),
    'a record each, one write': lambda wire, requests: ([wire.add(r) for r in requests], wire.send()),
    'a record a byte, one write': lambda wire, requests: ([wire.add(b''.join(requests)[i:i + 1]) for i in
                                                           range(sum(map(len, requests)))], wire.send()),
    'a write a byte': lambda wire, requests: [wire.send(b''.join(requests)[i:i + 1]) for i in range(sum(map(len, requests)))],
}


@pytest.mark.parametrize('cut', CUTS)
def test_pipelined_requests_are_answered_in_order(server, namespace, cut):
    path = '/api/v1/namespaces/%s/configmaps' % namespace
    requests = []
    for i in range(12):
        # Writes wait for the disk, reads do not: both ways of being answered, with bodies between them.
        requests += [request('POST', path, configmap('c%d' % i)), request('GET', '%s/c%d' % (path, i))]
    with Wire(server.api()) as wire:
        CUTS[cut](wire, requests)
        for i in range(12):
            for wanted in (201, 200):
                status, _, body = wire.answer()
                assert (status, json.loads(body)['metadata']['name']) == (wanted, 'c%d' % i)
