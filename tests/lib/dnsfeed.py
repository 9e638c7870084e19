"""Frames of the DNS feed (src/dns/feed.h), and name servers of a test's own."""
import ipaddress
import socket
import struct
import threading


def _str(value):
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack('>H', len(value)) + value


def _list(items):
    return struct.pack('>H', len(items)) + b''.join(items)


def _addresses(items):
    return _list([_str(ipaddress.ip_address(item).packed) for item in items])


def _ports(items):
    return _list([_str(name) + _str(protocol) + struct.pack('>H', number) for name, protocol, number in items])


def frame(kind, body=b''):
    return struct.pack('>IB', len(body) + 1, kind) + body


def namespace(name, gone=False):
    return frame(4 if gone else 3, _str(name))


def service(ns, name, ips=(), ports=(), endpoints=(), external=''):
    """endpoints: (hostname, addresses, ports) each."""
    return frame(5, _str(ns) + _str(name) + _str(external) + _addresses(ips) + _ports(ports) +
                 _list([_str(host) + _addresses(addresses) + _ports(of) for host, addresses, of in endpoints]))


def service_gone(ns, name):
    return frame(6, _str(ns) + _str(name))


def snapshot(*frames):
    return frame(1) + b''.join(frames) + frame(2)


def question(data):
    """Name, type and the end of the question of a message."""
    labels, at = [], 12
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    return '.'.join(labels), struct.unpack('>H', data[at + 1:at + 3])[0], at + 5


def reply(query, addresses=(), rcode=0, truncated=False, cname=None, ttl=60):
    """An answer to a query: A records, or a CNAME and the A records of what it leads to."""
    _, _, end = question(query)
    answers, owner = [], b'\xc0\x0c'
    if cname:
        wire = b''.join(bytes([len(label)]) + label.encode() for label in cname.split('.')) + b'\0'
        answers.append(owner + struct.pack('>HHIH', 5, 1, ttl, len(wire)) + wire)
        owner = wire
    for address in addresses:
        answers.append(owner + struct.pack('>HHIH', 1, 1, ttl, 4) + ipaddress.ip_address(address).packed)
    flags = 0x8180 | rcode | (0x0200 if truncated else 0)
    header = query[:2] + struct.pack('>HHHHH', flags, 1, 0 if truncated else len(answers), 0, 0)
    return header + query[12:end] + (b'' if truncated else b''.join(answers))


class NameServer:
    """A name server whose answers are a function of (query, 'udp' or 'tcp') -> a message, a list of messages, or None."""

    def __init__(self, port, answer, address='127.0.0.1'):
        self.answer, self.queries, self.closing = answer, [], False
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, port))
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((address, port))
        self.tcp.listen(8)
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self._udp, self._tcp)]
        for thread in self.threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing = True
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def _answers(self, query, kind):
        if len(query) < 17:                        # shutdown() wakes a receiver with nothing
            return []
        self.queries.append((kind, *question(query)[:2]))
        made = self.answer(query, kind)
        return made if isinstance(made, list) else [made] if made else []

    def _udp(self):
        while not self.closing:
            try:
                query, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            for message in self._answers(query, 'udp'):
                self.udp.sendto(message, peer)

    def _tcp(self):
        while not self.closing:
            try:
                peer, _ = self.tcp.accept()
            except OSError:
                return
            with peer:
                data = peer.recv(4096)
                while len(data) < 2 or len(data) < 2 + struct.unpack('>H', data[:2])[0]:
                    more = peer.recv(4096)
                    if not more:
                        break
                    data += more
                for message in self._answers(data[2:], 'tcp'):
                    peer.sendall(struct.pack('>H', len(message)) + message)
