"""The HTTP server judged by other people's clients: curl over HTTP/1.1 and HTTP/2, h2load, Python's websocket client."""
import os
import re
import ssl
import subprocess

import pytest

from lib.cluster import ROOT


class Server:
    def __init__(self, folder):
        program = os.path.join(os.environ.get('B') or os.path.join(ROOT, 'build'), 'tests/server/net_driver')
        assert os.access(program, os.X_OK), 'the program %s is not there: make build' % program
        self.folder = folder
        self.process = subprocess.Popen([program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        words = self.process.stdout.readline().split()
        self.tls, self.plain = 'https://127.0.0.1:' + words[1], 'http://127.0.0.1:' + words[3]

    def curl(self, *args):
        return subprocess.run(['curl', '-sS', '--max-time', '20', '--cacert', self.folder + '/ca.crt', *args], check=True,
                              capture_output=True, text=True).stdout

    def close(self):
        self.process.stdin.close()
        try:
            assert self.process.wait(10) == 0
        finally:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def server(test_id):
    folder = test_id.folder('net')
    os.makedirs(folder, exist_ok=True)
    served = Server(folder)
    yield served
    served.close()


@pytest.mark.parametrize('version,name', [('--http1.1', 'h1'), ('--http2', 'h2')])
def test_curl(server, version, name):
    assert server.curl(version, '-d', 'hello', server.tls + '/echo') == 'POST %s hello' % name
    assert server.curl(version, server.tls + '/who') == 'nobody'
    assert server.curl(version, '--cert', server.folder + '/client.crt', '--key', server.folder + '/client.key',
                       server.tls + '/who') == 'alice'
    assert server.curl(version, server.tls + '/stream/3') == 'line 0\nline 1\nline 2\n'
    sizes = ['-o', '/dev/null', '-w', '%{http_code} %{size_download}']
    assert server.curl(version, *sizes, server.tls + '/body/1000000') == '200 1000000'
    code, size = server.curl(version, *sizes, '--compressed', server.tls + '/body/1000000').split()
    assert code == '200' and int(size) < 10000
    assert 'content-length: 10\n' in server.curl(version, '-I', server.tls + '/body/10').lower()
    # Two transfers over one connection.
    assert server.curl(version, server.tls + '/echo', server.tls + '/echo').count(name) == 2


def test_clear(server):
    assert server.curl('--http2-prior-knowledge', server.plain + '/echo') == 'GET h2 '
    assert server.curl('--http2', server.plain + '/echo') == 'GET h1 '


@pytest.mark.parametrize('size', [1000, 300000])
def test_h2load(server, size):
    for base in (server.tls, server.plain):
        out = subprocess.run(['h2load', '-n', '1000', '-c', '4', '-m', '32', '%s/body/%d' % (base, size)], check=True,
                             capture_output=True, text=True).stdout
        assert re.search(r'1000 succeeded, 0 failed', out), out


def test_websocket(server):
    websocket = pytest.importorskip('websocket')
    context = ssl.create_default_context(cafile=server.folder + '/ca.crt')
    socket = websocket.create_connection(server.tls.replace('https', 'wss') + '/ws', timeout=10,
                                         sslopt={'context': context}, subprotocols=['v4.channel.k8s.io'])
    assert socket.getsubprotocol() == 'v4.channel.k8s.io'
    for message in ('hello', 'x' * 70000):
        socket.send(message)
        assert socket.recv() == message
    socket.ping()
    socket.send_binary(b'\0\1')
    assert socket.recv() == b'\0\1'
    socket.close()
