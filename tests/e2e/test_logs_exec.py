"""kubectl logs, exec and attach, unmodified, against a node that is a host of its own."""
import hashlib
import os
import re
import signal
import subprocess

import pytest

from lib import proc, wait
from lib.node import OneNode

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='needs root'), pytest.mark.seconds(60)]

IMAGE = 'logs.local/box:1'


def said(process):
    """What it has printed so far."""
    with open(process.output, encoding='utf-8') as f:
        return f.read()


@pytest.fixture(scope='module')
def cluster(module_id):
    with OneNode(module_id, IMAGE, flags=['--container-log-max-size', '1Gi']) as made:
        yield made


@pytest.fixture(scope='module')
def sleeper(cluster):
    return cluster.run('sleeper', 'exec sleep 1000')


def test_logs_of_a_container_that_ended(cluster):
    pod = cluster.run('ended', 'for i in 1 2 3 4; do echo line $i; done; echo oops >&2; printf end', phase='Succeeded')
    assert sorted(cluster.kubectl('logs', pod).out.replace('end', 'end\n').split('\n')) == ['', 'end', 'line 1', 'line 2', 'line 3', 'line 4', 'oops']
    assert len(cluster.kubectl('logs', pod, '--tail=2').out.split('\n')) == 2
    assert cluster.kubectl('logs', pod, '--limit-bytes=3').out == cluster.kubectl('logs', pod).out[:3]
    assert re.match(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ', cluster.kubectl('logs', pod, '--timestamps').out)
    assert cluster.kubectl('logs', pod, '--since-time=2199-01-01T00:00:00Z').out == ''


def test_follow_brings_lines_as_they_come_and_ends_with_the_container(cluster):
    pod = cluster.run('followed', 'echo first; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo last')
    with cluster.kubectl.start('logs', '-f', pod, folder=cluster.test_id.folder('follow')) as follower:
        wait.until(lambda: 'first' in said(follower), 'the first line comes')
        assert 'last' not in said(follower) and follower.alive
        cluster.kubectl('exec', pod, '--', 'touch', '/tmp/go')
        assert follower.wait(15) == 0
        assert said(follower).split() == ['first', 'last']


def test_previous_is_the_run_before(cluster):
    pod = cluster.run('again', 'echo run of $(cat /proc/uptime); exit 1', restart='OnFailure')
    wait.until(lambda: cluster.kubectl('logs', pod, '--previous', check=False).ok, 'there is a run before', 30)
    assert cluster.kubectl('logs', pod, '--previous').out.startswith('run of ')


def test_what_is_not_there_is_said_as_upstream_says_it(cluster, sleeper):
    two = cluster.run('two', 'exec sleep 1000', 'exec sleep 1000')
    assert 'container nope is not valid for pod sleeper' in cluster.kubectl.fails('logs', sleeper, '-c', 'nope')
    assert 'previous terminated container "c" in pod "sleeper" not found' in cluster.kubectl.fails('logs', sleeper, '--previous')
    assert 'pods "nobody" not found' in cluster.kubectl.fails('exec', 'nobody', '--', 'true')
    answer = cluster.kubectl.fails('get', '--raw', '/api/v1/namespaces/default/pods/%s/log' % two)
    assert 'a container name must be specified for pod two, choose one of: [c c1]' in answer
    cluster.kubectl.apply({'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'unpulled'}, 'spec': {
        'containers': [{'name': 'c', 'image': 'logs.local/none:1', 'imagePullPolicy': 'Never'}]}})
    wait.until(lambda: 'ErrImageNeverPull' in cluster.kubectl('get', 'pod', 'unpulled', '-o', 'yaml').out, 'the image is not there')
    assert 'container "c" in pod "unpulled" is waiting to start: ErrImageNeverPull' in cluster.kubectl.fails('logs', 'unpulled')


@pytest.mark.parametrize('code', [0, 1, 3, 137])
def test_exec_ends_with_the_exit_code_of_the_command(cluster, sleeper, code):
    result = cluster.kubectl('exec', sleeper, '--', 'sh', '-c', 'echo out; echo err >&2; exit %d' % code, check=False)
    assert (result.status, result.out) == (code, 'out\n') and result.err.startswith('err\n')


def test_exec_of_a_command_that_is_not_there_fails(cluster, sleeper):
    assert 'error executing command in container' in cluster.kubectl.fails('exec', sleeper, '--', '/no/such/program')


def test_exec_hands_over_all_of_a_large_input_and_its_end(cluster, sleeper):
    text = ''.join('%08d\n' % i for i in range(1000000))
    result = cluster.kubectl('exec', '-i', sleeper, '--', 'md5sum', stdin=text)
    assert result.out.split()[0] == hashlib.md5(text.encode()).hexdigest()


def test_exec_brings_all_of_a_large_output(cluster, sleeper):
    out = cluster.kubectl('exec', sleeper, '--', 'seq', '1', '1000000').out
    assert out == ''.join('%d\n' % i for i in range(1, 1000001))


def test_exec_with_a_terminal(cluster, sleeper):
    command = "stty cols 91 rows 17; %s exec -i -t %s -- sh -c 'tty; until stty size 2>&1 | grep \"17 91\"; do sleep 0.1; done; echo err >&2; exit 4'" % (cluster.kubectl.path, sleeper)
    result = proc.run(['script', '-qec', command, '/dev/null'], env=cluster.kubectl.env, netns=cluster.host.netns, check=False)
    assert result.status == 4 and '/dev/pts/' in result.out and '17 91' in result.out and 'err' in result.out, result


def test_who_follows_and_does_not_read_holds_nobody_up(cluster):
    pod = cluster.run('chatty', 'yes 0123456789012345678901234567890123456789 | head -n 1000000; touch /tmp/done; exec sleep 1000')
    with cluster.kubectl.start('logs', '-f', pod, folder=cluster.test_id.folder('slow')) as follower:
        wait.until(lambda: said(follower), 'something comes')
        follower.kill(signal.SIGSTOP)
        wait.until(lambda: cluster.kubectl('exec', pod, '--', 'ls', '/tmp/done', check=False).ok, 'the container writes on', 30)
        assert cluster.kubectl('logs', pod, '--tail=1').out == '0123456789012345678901234567890123456789\n'
        follower.kill(signal.SIGCONT)


def test_attach_shows_what_is_said_from_now_on(cluster):
    pod = cluster.run('talker', 'while [ ! -e /tmp/stop ]; do echo tick; sleep 0.1; done')
    with cluster.kubectl.start('attach', pod, folder=cluster.test_id.folder('attach')) as attached:
        wait.until(lambda: 'tick' in said(attached), 'it is heard')
        cluster.kubectl('exec', pod, '--', 'touch', '/tmp/stop')
        assert attached.wait(15) == 0


def test_the_kubelet_answers_the_api_server_and_nobody_else(cluster):
    url = 'https://%s:10250/' % cluster.host.address
    assert cluster.kubectl('get', '--raw', '/api/v1/nodes/host1/proxy/healthz').out == 'ok'
    assert '"podRef"' in cluster.kubectl('get', '--raw', '/api/v1/nodes/host1/proxy/stats/summary').out
    for path in ('healthz', 'pods', 'containerLogs/default/sleeper/c'):
        assert cluster.host.run('curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}', url + path).out == '401'


def test_cp_brings_folders_there_and_back(cluster, sleeper):
    here, back = cluster.test_id.folder('cp'), cluster.test_id.folder('cp-back')
    os.makedirs(os.path.join(here, 'deep'))
    files = {'a': os.urandom(3 << 20), 'deep/b': b'', 'deep/with space': b'text\n'}
    for name, data in files.items():
        with open(os.path.join(here, name), 'wb') as f:
            f.write(data)
    cluster.kubectl('cp', here, sleeper + ':/tmp/there')
    assert cluster.kubectl('exec', sleeper, '--', 'cat', '/tmp/there/deep/with space').out == 'text\n'
    cluster.kubectl('cp', sleeper + ':/tmp/there', back)
    for name, data in files.items():
        with open(os.path.join(back, name), 'rb') as f:
            assert f.read() == data, name
    assert "doesn't exist in local filesystem" in cluster.kubectl.fails('cp', os.path.join(here, 'none'), sleeper + ':/tmp/there')


class Terminal:
    """A kubectl on a terminal of the test's."""

    def __init__(self, cluster, *args):
        self.end, other = os.openpty()
        os.set_blocking(self.end, False)
        self.heard = b''
        command = ['nsenter', '--net=/run/netns/' + cluster.host.netns, '--', cluster.kubectl.path, *args]
        self.process = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env={**os.environ, **cluster.kubectl.env}, start_new_session=True)
        os.close(other)

    def hears(self, text):
        try:
            self.heard += os.read(self.end, 65536)
        except OSError:             # nothing yet, or it has ended
            pass
        return text in self.heard

    def type(self, text):
        os.write(self.end, text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.end)


def test_attach_with_a_terminal(cluster):
    cluster.apply('shell', [{'args': ['while read line; do echo "heard $line on $(tty)"; done; echo bye'], 'stdin': True, 'tty': True}])
    cluster.wait_phase('shell', 'Running')
    with Terminal(cluster, 'attach', '-i', '-t', 'shell') as terminal:
        wait.until(lambda: terminal.hears(b'try pressing enter'), 'it is attached', 30)
        terminal.type(b'hello\n')
        wait.until(lambda: terminal.hears(b'heard hello on /dev/pts/'), 'it is answered', 30)
        terminal.type(b'\x04')
        wait.until(lambda: terminal.hears(b'bye'), 'it sees the end of input', 30)
        assert terminal.process.wait(30 * wait.SLOW) == 0
    cluster.wait_phase('shell', 'Succeeded')
