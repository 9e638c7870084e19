"""The server as a careless or hostile client meets it: bytes cut anywhere, too many of them, too few, the wrong ones."""
import json
import socket
import struct

import pytest

from lib.wire import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, Http2, Wire, field, frame,
                      request_fields)


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


# --- What is no good HTTP/1.1: one answer that says so, and the end --------------------------------------------------

SMUGGLED = request('POST', '/api/v1/namespaces/default/configmaps', configmap('smuggled'))
CHUNKED = 'Transfer-Encoding: chunked'


def framed(*headers, body=SMUGGLED, line='POST /api/v1/namespaces/default/configmaps HTTP/1.1'):
    return '\r\n'.join([line, 'Host: x', 'Content-Type: application/json', *headers]).encode() + b'\r\n\r\n' + body


BAD_FRAMING = {
    'length and chunks': framed('Content-Length: 5', CHUNKED, body=b'0\r\n\r\n' + SMUGGLED),
    'chunks and length': framed(CHUNKED, 'Content-Length: 5', body=b'0\r\n\r\n' + SMUGGLED),
    'two lengths': framed('Content-Length: 5', 'Content-Length: 0'),
    'a list of lengths': framed('Content-Length: 0, 0'),
    'a signed length': framed('Content-Length: +0'),
    'a negative length': framed('Content-Length: -1'),
    'a hexadecimal length': framed('Content-Length: 0x0'),
    'no number': framed('Content-Length: none'),
    'an enormous length': framed('Content-Length: 99999999999999999999'),
    'an unknown coding': framed('Transfer-Encoding: xchunked', body=b'0\r\n\r\n' + SMUGGLED),
    'chunks before another coding': framed('Transfer-Encoding: chunked, gzip', body=b'0\r\n\r\n' + SMUGGLED),
    'a blank before the colon': framed('Transfer-Encoding : chunked', body=b'0\r\n\r\n' + SMUGGLED),
    'a folded line': framed('X-A: b', ' Content-Length: 0'),
    'a zero byte in a value': framed('X-A: b\0c', 'Content-Length: 0'),
    'a lone carriage return': framed('X-A: b\rContent-Length: 0', 'Content-Length: 0'),
    'no host': b'GET /api HTTP/1.1\r\n\r\n' + SMUGGLED,
    'a chunk without size': framed(CHUNKED, body=b'\r\n\r\n' + SMUGGLED),
    'a chunk of size g': framed(CHUNKED, body=b'g\r\n\r\n' + SMUGGLED),
    'a chunk of negative size': framed(CHUNKED, body=b'-1\r\n\r\n' + SMUGGLED),
    'a chunk longer than it says': framed(CHUNKED, body=b'1\r\nabc\r\n0\r\n\r\n' + SMUGGLED),
    'a chunk of overflowing size': framed(CHUNKED, body=b'10000000000000001\r\na\r\n0\r\n\r\n' + SMUGGLED),
}


@pytest.mark.parametrize('what', BAD_FRAMING)
def test_bad_framing_is_refused_and_ends_the_connection(server, what):
    with Wire(server.api()) as wire:
        wire.send(BAD_FRAMING[what])
        status, headers, _ = wire.answer()
        assert (status, headers.get('connection')) == (400, 'close')
        assert wire.answer() is None
    assert server.api().get('/api/v1/namespaces/default/configmaps/smuggled').status == 404


# --- Too much --------------------------------------------------------------------------------------------------------

BODY_LIMIT, HEADERS_LIMIT, FIELDS_LIMIT = 3 << 20, 1 << 20, 1000


def in_chunks(data, size=65536):
    return b''.join(b'%x\r\n%s\r\n' % (len(data[i:i + size]), data[i:i + size]) for i in range(0, len(data), size)) + b'0\r\n\r\n'


TOO_MUCH = {
    'a body said to be too large': (413, framed('Content-Length: %d' % (BODY_LIMIT + 1), body=b'')),
    'a body that grows too large': (413, framed(CHUNKED, body=in_chunks(b'x' * (BODY_LIMIT + 1)))),
    'a field too large': (431, framed('X-Large: ' + 'x' * HEADERS_LIMIT, body=b'')),
    'fields too large together': (431, framed(*['X-Large: ' + 'x' * 8192] * 150, body=b'')),
    'too many fields': (431, framed(*['X: y'] * FIELDS_LIMIT, body=b'')),
    'a path too large': (431, framed(line='GET /%s HTTP/1.1' % ('x' * HEADERS_LIMIT), body=b'')),
}


@pytest.mark.parametrize('what', TOO_MUCH)
def test_too_much_is_refused(server, what):
    status, said = TOO_MUCH[what]
    with Wire(server.api()) as wire:
        wire.send(said)
        got, headers, body = wire.answer()
        assert (got, headers.get('connection')) == (status, 'close')
        answer = json.loads(body)
        assert (answer['kind'], answer['code']) == ('Status', status)
        if status == 413:
            assert answer['message'] == 'Request entity too large: limit is %d' % BODY_LIMIT
            assert answer['reason'] == 'RequestEntityTooLarge'
        assert wire.answer() is None


@pytest.mark.parametrize('what,status,headers,size', [
    ('body', 413, [('content-type', 'application/json')], BODY_LIMIT + 1),
    ('fields together', 431, [('x-large', 'x' * 16000)] * 66, 0),
    ('fields', 431, [('x', 'y')] * (FIELDS_LIMIT + 1), 0)])
def test_too_much_is_refused_over_http2(server, what, status, headers, size):
    """One stream is turned away; the connection and its other streams go on."""
    with Http2(server.api()) as wire:
        fields = request_fields('/api/v1/namespaces/default/configmaps', method='POST', headers=headers)
        wire.headers(1, fields, end=not size)
        wire.send()
        wire.data(1, b'x' * size)
        wire.send()
        body = b''
        while True:
            kind, flags, stream, payload = wire.next(DATA, RST_STREAM)
            assert stream == 1
            body += payload if kind == DATA else b''
            if flags & END_STREAM or kind == RST_STREAM:
                break
        assert json.loads(body)['code'] == status, what
        wire.request(3, '/readyz')
        wire.send()
        assert wire.next(HEADERS)[2] == 3


# --- Too little ------------------------------------------------------------------------------------------------------

def test_a_client_that_has_said_all_is_answered(server):
    for said in (request('GET', '/readyz'), request('GET', '/readyz') * 5, request('GET', '/api/v1/namespaces/default')):
        with Wire(server.api()) as wire:
            wire.send(said)
            wire.end()
            for _ in range(said.count(b'GET')):
                assert wire.answer()[0] == 200
            assert wire.answer() is None


@pytest.mark.parametrize('said', [b'GET /api HTT', request('POST', '/api/v1/namespaces/default/configmaps', configmap('half'))[:-3]])
def test_a_client_that_leaves_in_the_middle_changes_nothing(server, said):
    with Wire(server.api()) as wire:
        wire.send(said)
        wire.end()
        assert wire.answer() is None
    assert server.api().get('/api/v1/namespaces/default/configmaps/half').status == 404


# --- Floods: frames that cost a client nothing -----------------------------------------------------------------------

FLOODS = {
    'reset': lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, request_fields('/api/v1/configmaps')) +
    frame(RST_STREAM, 0, stream, struct.pack('>I', 8)),
    'continuation': lambda stream: frame(HEADERS, 0, 1, request_fields('/')) if stream == 1 else
    frame(CONTINUATION, 0, 1, field('x', 'y')),
    'settings too long': lambda stream: frame(SETTINGS, 0, 0, struct.pack('>HI', 4, 65535) * 1000),
}


@pytest.mark.parametrize('what', FLOODS)
def test_a_flood_ends_the_connection(server, what):
    with Http2(server.api()) as wire:
        for i in range(2000):
            wire.add(FLOODS[what](2 * i + 1))
            if i % 100 == 99:
                wire.send()
        assert wire.next(GOAWAY), 'the end came without a word'
        assert wire.next() is None
    assert server.api().get('/readyz').status == 200


@pytest.mark.parametrize('what', ['ping', 'settings'])
def test_a_client_that_asks_and_does_not_read_is_given_up(server, what):
    """Few answers wait for it: the server reads no further, or ends the connection and forgets what still comes."""
    flood = frame(PING, 0, 0, b'12345678') * 1000 if what == 'ping' else frame(SETTINGS) * 1000
    with Http2(server.api()) as wire:
        wire.socket.settimeout(2)
        try:
            for _ in range(2000):
                wire.add(flood)
                if not wire.send():
                    break
        except socket.timeout:
            return
        finally:
            assert server.api().get('/readyz').status == 200
        wire.socket.settimeout(20)
        answers = 0
        while wire.next(PING, SETTINGS):
            answers += 1
        assert answers < 2000 * 1000
