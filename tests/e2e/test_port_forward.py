"""kubectl port-forward, unmodified, to a node that is a host of its own: over a WebSocket, and as older kubectls do, over SPDY."""
import contextlib
import hashlib
import itertools
import os
import re

import pytest

from lib import wait
from lib.node import OneNode

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='needs root'), pytest.mark.seconds(120)]

IMAGE = 'forward.local/box:1'
PORT = 8080
SERVE = 'dd if=/dev/urandom of=/tmp/big bs=1M count=100 2>/dev/null; md5sum </tmp/big >/tmp/sum; echo hello >/tmp/index.html; ' \
        'exec httpd -f -p %d -h /tmp' % PORT
WAYS = {'websocket': 'true', 'spdy': 'false'}


@pytest.fixture(scope='module')
def cluster(module_id):
    with OneNode(module_id, IMAGE) as made:
        yield made


@pytest.fixture(scope='module')
def pod(cluster):
    name = cluster.run('web', SERVE)
    wait.until(lambda: cluster.kubectl('exec', name, '--', 'wget', '-qO-', 'localhost:%d' % PORT, check=False).ok, 'it serves', 60)
    return name


@pytest.fixture(scope='module')
def taker(cluster):
    """A pod that tells the sum of what it is sent, once that has ended."""
    name = cluster.run('taker', 'exec nc -ll -p 9000 -e md5sum')
    wait.until(lambda: ':9000 ' in cluster.kubectl('exec', name, '--', 'netstat', '-ltn').out, 'it listens', 30)
    return name


class Forward:
    """A kubectl port-forward that listens; `local` are its ports."""

    numbers = itertools.count()

    def __init__(self, cluster, target, *ports, way='websocket'):
        self.cluster = cluster
        cluster.kubectl.env['KUBECTL_PORT_FORWARD_WEBSOCKETS'] = WAYS[way]
        try:
            self.process = cluster.kubectl.start('port-forward', target, *[':%d' % port for port in ports],
                                                 folder=cluster.test_id.folder('forward%d' % next(self.numbers)))
        finally:
            del cluster.kubectl.env['KUBECTL_PORT_FORWARD_WEBSOCKETS']
        listening = wait.until(lambda: [m for m in [re.findall(r'127\.0\.0\.1:(\d+) -> ', self.said())] if len(m) == len(ports)], 'it listens', 30)
        self.local = listening[0]

    def said(self):
        with open(self.process.output, encoding='utf-8') as out, open(self.process.log, encoding='utf-8') as log:
            return out.read() + log.read()

    def curl(self, path='/', *options, port=0, check=True, seconds=60):
        return self.cluster.host.run('curl', '-s', *options, 'http://127.0.0.1:%s%s' % (self.local[port], path), check=check, seconds=seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.close()


@pytest.mark.parametrize('way', WAYS)
def test_a_page(cluster, pod, way):
    with Forward(cluster, 'pod/' + pod, PORT, way=way) as forward:
        for _ in range(3):
            assert forward.curl('/index.html').out == 'hello\n'
        assert forward.process.alive, forward.said()


@pytest.mark.parametrize('way', WAYS)
def test_much_comes_whole(cluster, pod, way):
    with Forward(cluster, 'pod/' + pod, PORT, way=way) as forward:
        path = os.path.join(cluster.test_id.folder('big'), way)
        forward.curl('/big', '-o', path)
        with open(path, 'rb') as f:
            assert hashlib.md5(f.read()).hexdigest() == forward.curl('/sum').out.split()[0]
        os.unlink(path)


@pytest.mark.parametrize('way', WAYS)
def test_much_goes_whole_and_an_answer_comes_after_its_end(cluster, taker, way):
    data = os.urandom(1 << 20) * 32
    path = os.path.join(cluster.test_id.folder('sent'), way)
    with open(path, 'wb') as f:
        f.write(data)
    with Forward(cluster, 'pod/' + taker, 9000, way=way) as forward:
        told = cluster.host.run('busybox', 'sh', '-c', 'busybox nc 127.0.0.1 %s < %s' % (forward.local[0], path), seconds=60).out
    assert told.split()[0] == hashlib.md5(data).hexdigest()


def test_many_at_the_same_time(cluster, pod):
    with Forward(cluster, 'pod/' + pod, PORT) as forward:
        urls = ['http://127.0.0.1:%s/index.html?%d' % (forward.local[0], i) for i in range(50)]
        answers = cluster.host.run('curl', '-s', '--no-keepalive', '-Z', '--parallel-max', '50', *urls, seconds=60).out
        assert answers == 'hello\n' * 50


def test_a_reader_that_stops_holds_up_nobody_else(cluster, pod):
    with Forward(cluster, 'pod/' + pod, PORT) as slow, Forward(cluster, 'pod/' + pod, PORT, way='spdy') as other:
        with contextlib.closing(cluster.host.start('curl', '-s', '--limit-rate', '1k', '-o', '/dev/null', 'http://127.0.0.1:%s/big' % slow.local[0])):
            for _ in range(5):
                assert other.curl('/index.html').out == 'hello\n'


def test_a_pod_that_takes_nothing_holds_up_its_own_client_alone(cluster, pod):
    name = cluster.run('deaf', 'exec nc -ll -p 9001 -e sleep 1000')
    wait.until(lambda: ':9001 ' in cluster.kubectl('exec', name, '--', 'netstat', '-ltn').out, 'it listens', 30)
    path = os.path.join(cluster.test_id.folder('deaf'), 'zeros')
    with open(path, 'wb') as f:
        f.truncate(64 << 20)
    with Forward(cluster, 'pod/' + name, 9001) as deaf, Forward(cluster, 'pod/' + pod, PORT) as other:
        with contextlib.closing(cluster.host.start('busybox', 'sh', '-c', 'exec busybox nc 127.0.0.1 %s < %s' % (deaf.local[0], path))) as sender:
            for _ in range(5):
                assert other.curl('/big', '-r', '0-1048575', '-o', '/dev/null').ok
            assert sender.alive
            cluster.kubectl('delete', 'pod', name, '--grace-period=0', '--force')
            sender.wait(30)


def test_through_services_and_deployments(cluster):
    labels = {'app': 'shop'}
    cluster.kubectl.apply({'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': 'shop'}, 'spec': {
        'selector': {'matchLabels': labels}, 'template': {'metadata': {'labels': labels}, 'spec': {
            'terminationGracePeriodSeconds': 1, 'containers': [{'name': 'c', 'image': IMAGE, 'args': [
                'echo shop >/tmp/index.html; exec httpd -f -p 8081 -h /tmp'], 'ports': [{'name': 'web', 'containerPort': 8081}]}]}}}})
    cluster.kubectl.apply({'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': 'shop'}, 'spec': {
        'selector': labels, 'ports': [{'port': 80, 'targetPort': 'web'}]}})
    cluster.kubectl('rollout', 'status', 'deployment/shop', '--timeout=60s', seconds=70)
    with Forward(cluster, 'service/shop', 80) as forward:
        wait.until(lambda: forward.curl('/index.html', check=False).out == 'shop\n', 'the service answers', 30)
    with Forward(cluster, 'deployment/shop', 8081) as forward:
        assert forward.curl('/index.html').out == 'shop\n'


def test_a_port_nobody_listens_on(cluster, pod):
    with Forward(cluster, 'pod/' + pod, 81, PORT) as forward:
        assert not forward.curl(check=False).ok
        wait.until(lambda: 'error forwarding port 81 to pod' in forward.said(), 'it is told', 30)
        assert 'an error occurred forwarding' in forward.said() and 'refused' in forward.said()


def test_a_pod_that_goes_meanwhile(cluster):
    name = cluster.run('brief', 'echo brief >/tmp/index.html; exec httpd -f -p 8082 -h /tmp')
    with Forward(cluster, 'pod/' + name, 8082) as forward:
        assert wait.until(lambda: forward.curl('/index.html', check=False).out, 'it serves', 30) == 'brief\n'
        cluster.kubectl('delete', 'pod', name, '--grace-period=0', '--force')
        wait.until(lambda: not forward.curl('/index.html', check=False).ok, 'it serves no more', 30)
        # kubectl says so and ends, as with upstream's node.
        assert forward.process.wait(30) == 1
        assert 'lost connection to pod' in forward.said()


def test_pods_that_are_not_there(cluster):
    assert 'pods "nobody" not found' in cluster.kubectl.fails('port-forward', 'pod/nobody', ':80')
    answer = cluster.host.run('curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}',
                              'https://%s:10250/portForward/default/nobody' % cluster.host.address)
    assert answer.out == '401'
