"""The DNS server as a process: dig as client, a feed on a pipe, name servers of the test's own as the world."""
import os
import socket
import struct
import subprocess
import threading

import pytest

from lib import proc, wait
from lib.dnsfeed import NameServer, frame, namespace, reply, service, service_gone, snapshot
from lib.netdriver import built

HTTP = [('http', 'tcp', 80)]
WEB = service('default', 'web', ips=['10.96.0.7', 'fd96::7'], ports=HTTP)
OUT = service('default', 'out', external='www.example.com')
DEFAULT = namespace('default')


class Dns:
    """A server on loopback.  `upstreams`: ports of name servers on 127.0.0.1."""

    def __init__(self, test_id, upstreams=(), resolv='-', address='127.0.0.1', port=None):
        self.port, self.address = port or test_id.port(), address
        words = [word for upstream in upstreams for word in ('127.0.0.1', str(upstream))]
        self.popen = subprocess.Popen([built('tests/e2e/dns_driver'), address, str(self.port), resolv, *words],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.popen.stdout.readline() == b'ready\n'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.feed_end()

    def feed(self, *frames):
        self.popen.stdin.write(b''.join(frames))
        self.popen.stdin.flush()

    def feed_end(self):
        if not self.popen.stdin.closed:
            self.popen.stdin.close()
        status = self.popen.wait(10)
        self.popen.stdout.close()
        return status

    def dig(self, *words):
        return proc.run(['dig', '@' + self.address, '-p', self.port, '+tries=1', '+time=6', *words]).out

    def short(self, *words):
        return self.dig('+short', *words).split('\n')[:-1]

    def status(self, *words):
        text = self.dig(*words)
        return text[text.index('status: ') + 8:].split(',')[0]


def a_server(addresses):
    return lambda query, kind: reply(query, addresses)


def test_zone(test_id):
    with Dns(test_id) as dns:
        assert dns.status('web.default.svc.cluster.local') == 'SERVFAIL'
        dns.feed(snapshot(DEFAULT, WEB))
        wait.until(lambda: dns.status('web.default.svc.cluster.local') == 'NOERROR', 'the snapshot is at work')
        for how in ([], ['+tcp'], ['+noedns'], ['+bufsize=4096']):
            assert dns.short('web.default.svc.cluster.local', *how) == ['10.96.0.7']
            assert dns.short('web.default.svc.cluster.local', 'aaaa', *how) == ['fd96::7']
        assert dns.short('_http._tcp.web.default.svc.cluster.local', 'srv') == ['0 100 80 web.default.svc.cluster.local.']
        assert dns.short('-x', '10.96.0.7') == ['web.default.svc.cluster.local.']
        assert dns.short('dns-version.cluster.local', 'txt') == ['"1.1.0"']
        text = dns.dig('WEB.default.svc.CLUSTER.local')
        assert 'WEB.default.svc.CLUSTER.local. 5' in text and 'flags: qr aa rd ra' in text
        assert dns.status('nope.default.svc.cluster.local') == 'NXDOMAIN'
        assert dns.status('nope.default.svc.cluster.local', '+tcp') == 'NXDOMAIN'
        # Changes are at work without another snapshot.
        dns.feed(service('default', 'web', ips=['10.96.0.8']), service('default', 'db', endpoints=[('', ['10.244.1.2'], HTTP)]))
        wait.until(lambda: dns.short('web.default.svc.cluster.local') == ['10.96.0.8'], 'the change is at work')
        assert dns.short('10-244-1-2.db.default.svc.cluster.local') == ['10.244.1.2']
        dns.feed(service_gone('default', 'web'))
        wait.until(lambda: dns.status('web.default.svc.cluster.local') == 'NXDOMAIN', 'the removal is at work')


def test_end_of_feed_ends_the_server(test_id):
    with Dns(test_id) as dns:
        dns.feed(snapshot(DEFAULT))
        assert dns.feed_end() == 0
    with Dns(test_id) as dns:
        dns.feed(b'\xff\xff\xff\xff')
        assert dns.popen.wait(10) == 1


def test_truncation(test_id):
    addresses = ['10.244.%d.%d' % (i // 200, i % 200) for i in range(1500)]
    with Dns(test_id) as dns:
        dns.feed(snapshot(DEFAULT, service('default', 'big', endpoints=[('', [address], HTTP) for address in addresses])))
        wait.until(lambda: dns.status('big.default.svc.cluster.local') == 'NOERROR', 'the snapshot is at work')
        assert ' tc ' in dns.dig('big.default.svc.cluster.local', '+ignore', '+noedns')
        assert ' tc ' in dns.dig('big.default.svc.cluster.local', '+ignore', '+bufsize=4096')
        assert sorted(dns.short('big.default.svc.cluster.local')) == sorted(addresses)      # dig turns to TCP by itself


def test_forwarding(test_id):
    port = test_id.port()
    with NameServer(port, a_server(['192.0.2.1'])) as world, Dns(test_id, [port]) as dns:
        text = dns.dig('www.example.com')
        assert '192.0.2.1' in text and 'flags: qr rd ra' in text
        assert dns.short('WWW.example.COM', '+tcp') == ['192.0.2.1']
        assert dns.short('-x', '192.0.2.9') == ['192.0.2.1']
        # The cache had the second; names of the zone never leave, known or not.
        dns.feed(snapshot(DEFAULT, WEB))
        wait.until(lambda: dns.status('nope.default.svc.cluster.local') == 'NXDOMAIN', 'the snapshot is at work')
        assert [name for _, name, _ in world.queries] == ['www.example.com', '9.2.0.192.in-addr.arpa']


def test_cached_ttl_runs_down(test_id):
    port = test_id.port()
    with NameServer(port, lambda query, kind: reply(query, ['192.0.2.1'], ttl=2)) as world, Dns(test_id, [port]) as dns:
        assert 'www.example.com.	2' in dns.dig('www.example.com').replace(' ', '\t').replace('\t\t', '\t')
        wait.until(lambda: 'www.example.com.	1' in dns.dig('www.example.com').replace(' ', '\t').replace('\t\t', '\t'), 'the TTL runs down')
        assert len(world.queries) == 1
        wait.until(lambda: dns.short('www.example.com') and len(world.queries) == 2, 'it is asked for again')


def test_external_name(test_id):
    port = test_id.port()
    with NameServer(port, lambda query, kind: reply(query, ['192.0.2.1'], cname='edge.example.net')) as world, Dns(test_id, [port]) as dns:
        inner = service('default', 'alias', external='web.default.svc.cluster.local')
        loops = [service('default', 'l1', external='l2.default.svc.cluster.local'), service('default', 'l2', external='l1.default.svc.cluster.local')]
        dns.feed(snapshot(DEFAULT, WEB, OUT, inner, *loops))
        wait.until(lambda: dns.status('web.default.svc.cluster.local') == 'NOERROR', 'the snapshot is at work')
        assert dns.short('out.default.svc.cluster.local') == ['www.example.com.', 'edge.example.net.', '192.0.2.1']
        assert dns.short('out.default.svc.cluster.local', '+tcp') == ['www.example.com.', 'edge.example.net.', '192.0.2.1']
        assert dns.short('alias.default.svc.cluster.local') == ['web.default.svc.cluster.local.', '10.96.0.7']
        assert dns.status('l1.default.svc.cluster.local') == 'SERVFAIL'
        assert {name for _, name, _ in world.queries} == {'www.example.com'}


def test_truncated_upstream_is_asked_over_tcp(test_id):
    port = test_id.port()
    addresses = ['192.0.2.%d' % i for i in range(1, 100)]

    def answer(query, kind):
        return reply(query, addresses, truncated=kind == 'udp')
    with NameServer(port, answer) as world, Dns(test_id, [port]) as dns:
        assert sorted(dns.short('big.example.com')) == sorted(addresses)
        assert ' tc ' in dns.dig('big.example.com', '+ignore')
        assert {kind for kind, _, _ in world.queries} == {'udp', 'tcp'}


def test_next_server_answers(test_id):
    silent, refusing, good = test_id.port(), test_id.port(), test_id.port()
    with NameServer(silent, lambda query, kind: None), NameServer(refusing, lambda query, kind: reply(query, rcode=5)), \
            NameServer(good, a_server(['192.0.2.3'])) as last, Dns(test_id, [silent, refusing, good]) as dns:
        assert dns.short('www.example.com') == ['192.0.2.3']
        assert dns.short('www2.example.com') == ['192.0.2.3']
        assert len(last.queries) == 2
    nobody = test_id.port()
    with Dns(test_id, [nobody]) as dns:
        assert dns.status('www.example.com') == 'SERVFAIL'
    with Dns(test_id) as dns:
        assert dns.status('www.example.com') == 'SERVFAIL'


def test_forged_answers_are_ignored(test_id):
    port = test_id.port()

    def answer(query, kind):
        good = reply(query, ['192.0.2.1'])
        bad = bytearray(reply(query, ['192.0.2.66']))
        wrong_id = bytes([bad[0] ^ 1]) + bytes(bad[1:])
        wrong_name = bytes(bad[:13]) + b'x' + bytes(bad[14:])
        return [b'', b'x', wrong_id, wrong_name, bytes(bad[:11]), good]
    with NameServer(port, answer), Dns(test_id, [port]) as dns:
        assert dns.short('www.example.com') == ['192.0.2.1']


def ask(port, name, ident=7):
    query = struct.pack('>HHHHHH', ident, 0x0100, 1, 0, 0, 0) + b''.join(bytes([len(l)]) + l.encode() for l in name.split('.')) + b'\0\0\1\0\1'
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(8)
        s.sendto(query, ('127.0.0.1', port))
        return s.recv(4096)


def test_same_question_is_asked_once(test_id):
    port, gate = test_id.port(), threading.Event()

    def answer(query, kind):
        gate.wait(5)
        return reply(query, ['192.0.2.1'])
    with NameServer(port, answer) as world, Dns(test_id, [port]) as dns:
        answers = []
        threads = [threading.Thread(target=lambda n=n: answers.append(ask(dns.port, 'www.example.com' if n % 2 else 'WWW.EXAMPLE.COM', n)))
                   for n in range(20)]
        for thread in threads:
            thread.start()
        wait.until(lambda: len(world.queries) == 1, 'the question is on its way')
        gate.set()
        for thread in threads:
            thread.join()
        assert len(world.queries) == 1
        assert sorted(struct.unpack('>H', message[:2])[0] for message in answers) == list(range(20))
        for message in answers:
            assert (b'WWW' in message) == (struct.unpack('>H', message[:2])[0] % 2 == 0)


def test_loop_ends(test_id):
    """A server whose name server is itself: the question comes back, joins the one on its way, and ends with it."""
    port = test_id.port()
    with Dns(test_id, [port], port=port) as dns:
        assert dns.status('www.example.com') == 'SERVFAIL'
        dns.feed(snapshot(DEFAULT, WEB))
        wait.until(lambda: dns.status('web.default.svc.cluster.local') == 'NOERROR', 'it is well')


def test_resolv_conf(test_id):
    """Without ourselves, and read again when it changes."""
    path = test_id.path + '/resolv.conf'
    with open(path, 'w', encoding='utf-8') as f:
        f.write('search example.com\nnameserver 127.0.0.1\n')
    with Dns(test_id, resolv=path) as dns:
        assert dns.status('www.example.com') == 'SERVFAIL'
    assert os.path.exists(path)


@pytest.mark.parametrize('message', [b'', b'\0', b'\0' * 11, b'\0' * 12, b'\xff' * 500, bytes(range(256)) * 2], ids=range(6))
def test_rubbish(test_id, message):
    with Dns(test_id) as dns:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(message, ('127.0.0.1', dns.port))
        with socket.create_connection(('127.0.0.1', dns.port)) as s:
            s.sendall(struct.pack('>H', len(message)) + message)
        with socket.create_connection(('127.0.0.1', dns.port)) as s:
            s.sendall(b'\xff\xff' + message)
        assert dns.status('cluster.local') == 'SERVFAIL'


def test_many_connections_and_pipelines(test_id):
    port = test_id.port()
    with NameServer(port, a_server(['192.0.2.1'])), Dns(test_id, [port]) as dns:
        dns.feed(snapshot(DEFAULT, WEB))
        idle = [socket.create_connection(('127.0.0.1', dns.port)) for _ in range(300)]       # more than it keeps
        queries = b''
        for n in range(100):
            name = 'web.default.svc.cluster.local' if n % 2 else 'n%d.example.com' % n
            query = struct.pack('>HHHHHH', n, 0x0100, 1, 0, 0, 0) + b''.join(bytes([len(l)]) + l.encode() for l in name.split('.')) + b'\0\0\1\0\1'
            queries += struct.pack('>H', len(query)) + query
        idle[-1].sendall(queries)
        idle[-1].settimeout(10)
        data, seen = b'', set()
        while len(seen) < 100:
            data += idle[-1].recv(65536)
            while len(data) >= 2 and len(data) >= 2 + struct.unpack('>H', data[:2])[0]:
                size = struct.unpack('>H', data[:2])[0]
                seen.add(struct.unpack('>H', data[2:4])[0])
                data = data[2 + size:]
        for s in idle:
            s.close()


def test_snapshot_replaces(test_id):
    with Dns(test_id) as dns:
        dns.feed(snapshot(DEFAULT, WEB))
        wait.until(lambda: dns.status('web.default.svc.cluster.local') == 'NOERROR', 'the snapshot is at work')
        dns.feed(frame(1), DEFAULT)                # begun, not ended: the old one answers
        assert dns.status('web.default.svc.cluster.local') == 'NOERROR'
        dns.feed(frame(2))
        wait.until(lambda: dns.status('web.default.svc.cluster.local') == 'NXDOMAIN', 'the new one is at work')
