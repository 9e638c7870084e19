#!/usr/bin/python3
"""What an idle watch costs a control plane: memory of 1000 of them, over HTTP/2 (as clients do) and on a connection each."""
import os
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), part) for part in ('tests', 'bench')]

from lib import proc                              # noqa: E402
from lib.cluster import Server                    # noqa: E402
from lib.testid import TestId                     # noqa: E402
from lib.wire import HEADERS, Http2, Wire         # noqa: E402
from server import report                         # noqa: E402

WATCHES, PER_CONNECTION = 1000, 250
PATH = '/api/v1/namespaces/default/configmaps?allowWatchBookmarks=true&resourceVersion=%s&timeoutSeconds=3000&watch=true'
FIELDS = (('accept', 'application/json'), ('user-agent', 'bench/v1.36.0 (linux/amd64) kubernetes/0000000'), ('x-filler', 'x' * 200))


def memory(server):
    """Bytes that belong to the server alone."""
    sums = proc.rollup(proc.family(server.process.pid), ('Pss_Anon', 'Pss_Shmem'))
    return (sums['Pss_Anon'] + sums['Pss_Shmem']) * 1024 * 1024


def over_http2(server, path):
    wires = [Http2(server.api()) for _ in range(WATCHES // PER_CONNECTION)]
    for wire in wires:
        for i in range(PER_CONNECTION):
            wire.request(2 * i + 1, path, headers=FIELDS)
        wire.send()
        for _ in range(PER_CONNECTION):
            assert wire.next(HEADERS)
    return wires


def over_http1(server, path):
    wires = []
    for _ in range(WATCHES):
        wire = Wire(server.api())
        wire.send(('GET %s HTTP/1.1\r\nhost: x\r\n%s\r\n\r\n' % (path, '\r\n'.join(map(': '.join, FIELDS)))).encode())
        assert wire.line() == b'HTTP/1.1 200 OK'
        wires.append(wire)
    return wires


def main():
    for name, start in (('http2', over_http2), ('connection-each', over_http1)):
        with TestId() as test_id, Server(test_id) as server:
            path = PATH % server.api().get('/api/v1/namespaces/default/configmaps').json['metadata']['resourceVersion']
            before = memory(server)
            wires = start(server, path)
            report('watches/%s/memory' % name, (memory(server) - before) / WATCHES, 'bytes each')
            for wire in wires:
                wire.socket.close()


if __name__ == '__main__':
    main()
