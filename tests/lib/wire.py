"""A client that says exactly the bytes it is told, over TLS: what goes into which record and which write is the test's to say."""
import collections
import socket
import ssl
import struct

from lib import wait


class Wire:
    """A connection to an API server with an administrator's certificate (or none), HTTP/1.1 unless told."""

    def __init__(self, api, protocol='http/1.1', seconds=20):
        api.tls.set_alpn_protocols([protocol])
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = api.tls.wrap_bio(self.incoming, self.outgoing, server_hostname=api.url.hostname)
        self.socket = socket.create_connection((api.url.hostname, api.url.port), timeout=seconds * wait.SLOW)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.send()
                self._fill()
        self.send()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _fill(self):
        data = self.socket.recv(65536)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def add(self, data):
        """One record, or as many as it needs, which waits for send()."""
        self.tls.write(data)

    def send(self, data=b''):
        """Everything added, and @data, in one write; False when the server has closed, for what it said before is what counts."""
        if data:
            self.add(data)
        try:
            self.socket.sendall(self.outgoing.read())
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def end(self):
        """Says that no more comes."""
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        self.send()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def read(self):
        """Some bytes; none at the end."""
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                try:
                    self._fill()
                except ConnectionResetError:
                    return b''
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b''

    def exactly(self, size):
        """@size bytes, or None when the end comes before them."""
        while len(self.buffer) < size:
            data = self.read()
            if not data:
                return None
            self.buffer += data
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def line(self):
        while b'\r\n' not in self.buffer:
            data = self.read()
            if not data:
                return None
            self.buffer += data
        line, self.buffer = self.buffer.split(b'\r\n', 1)
        return line

    def answer(self):
        """Status, headers (names in lower case) and body of the next answer of HTTP/1.1; None at the end."""
        line = self.line()
        if line is None:
            return None
        status, headers = int(line.split()[1]), {}
        while True:
            line = self.line()
            if not line:
                break
            name, value = line.decode('latin-1').split(':', 1)
            headers[name.lower()] = value.strip()
        if headers.get('transfer-encoding') != 'chunked':
            return status, headers, self.exactly(int(headers.get('content-length', 0)))
        body = b''
        while True:
            size = int(self.line(), 16)
            body += self.exactly(size)
            self.line()
            if not size:
                return status, headers, body


# Types, flags and settings of HTTP/2 (RFC 9113, 6).
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def frame(kind, flags=0, stream=0, payload=b''):
    return struct.pack('>IBI', len(payload) << 8 | kind, flags, stream) + payload


def field(name, value):
    """A header field as a literal that no table remembers (RFC 7541, 6.2.2)."""
    def text(data):
        size = b''
        if len(data) < 127:
            return bytes([len(data)]) + data
        rest = len(data) - 127
        while rest >= 128:
            size, rest = size + bytes([rest % 128 | 128]), rest // 128
        return b'\x7f' + size + bytes([rest]) + data
    return b'\0' + text(name.encode()) + text(value.encode())


def request_fields(path, method='GET', headers=()):
    return b''.join(field(*pair) for pair in ((':method', method), (':scheme', 'https'), (':authority', 'x'), (':path', path), *headers))


class Http2(Wire):
    """The same with frames of HTTP/2; the preface has been said."""

    def __init__(self, api, seconds=20):
        super().__init__(api, 'h2', seconds)
        self.initial, self.granted, self.used = 65535, collections.Counter(), collections.Counter()
        self.send(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(SETTINGS))

    def request(self, stream, path, **kwargs):
        self.add(frame(HEADERS, END_HEADERS | END_STREAM, stream, request_fields(path, **kwargs)))

    def headers(self, stream, fields, end=True):
        """A header of any size, in as many frames as it needs."""
        parts = [fields[i:i + 16384] for i in range(0, len(fields), 16384)]
        for i, part in enumerate(parts):
            flags = (0 if i < len(parts) - 1 else END_HEADERS) | (END_STREAM if end and i == 0 else 0)
            self.add(frame(CONTINUATION if i else HEADERS, flags, stream, part))

    def data(self, stream, data, end=True):
        """A body, as fast as the server gives windows for it; an answer that comes meanwhile is passed over."""
        for at in range(0, len(data), 16384):
            part = data[at:at + 16384]
            while min(self.window(0), self.window(stream)) < len(part):
                self.send()
                got = self.next(WINDOW_UPDATE, SETTINGS, RST_STREAM)
                assert got and got[0] != RST_STREAM, 'the end in the middle of a body: %r' % (got,)
            self.used[0] += len(part)
            self.used[stream] += len(part)
            self.add(frame(DATA, END_STREAM if end and at + len(part) == len(data) else 0, stream, part))

    def window(self, stream):
        return (self.initial if stream else 65535) + self.granted[stream] - self.used[stream]

    def frame(self):
        """Kind, flags, stream and payload of the next frame; None at the end."""
        head = self.exactly(9)
        if head is None:
            return None
        size, (kind, flags, stream) = int.from_bytes(head[:3], 'big'), struct.unpack('>BBI', head[3:])
        payload = self.exactly(size)
        if kind == WINDOW_UPDATE:
            self.granted[stream] += int.from_bytes(payload, 'big')
        if kind == SETTINGS and not flags & ACK:
            # The server counts with its windows from our acknowledgement on.
            self.initial = dict(struct.iter_unpack('>HI', payload)).get(4, self.initial)
            self.send(frame(SETTINGS, ACK))
        return kind, flags, stream, payload

    def next(self, *kinds):
        """The next frame of one of these kinds; None at the end."""
        while True:
            got = self.frame()
            if got is None or got[0] in kinds:
                return got
