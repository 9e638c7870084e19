"""The built-in runtime with real containers: logs, exec, ends, limits, adoption after kill -9, and that nothing is left."""
import os
import signal
import time

import pytest

from lib import runtime as rt, wait
from lib.image import Image

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root, for containers')


@pytest.fixture(params=['/usr/bin/crun', '/usr/sbin/runc'], ids=os.path.basename)
def runtime(test_id, request):
    made = rt.Runtime(test_id, oci=request.param)
    try:
        made.call('import', file=Image('busybox').docker_archive(os.path.join(test_id.path, 'busybox.tar')))
        yield made
    finally:
        made.close()
        assert made.leftovers() == []
        assert not [h for h in os.listdir('/sys/fs/cgroup') if os.path.exists('/sys/fs/cgroup/%s%s' % (h, made.cgroup))]


def start_time(pid):
    with open('/proc/%d/stat' % pid) as f:
        return f.read().rsplit(')', 1)[1].split()[19]


def running(pid):
    """Is it there?  A zombie that pid 1 has yet to reap is not."""
    try:
        with open('/proc/%d/stat' % pid) as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def test_output_and_exit_code(runtime):
    pod = runtime.sandbox()
    app = runtime.run_container(pod, 'echo hello; echo oops >&2; printf part; exit 3')
    status = runtime.wait(app)
    assert (status['exit_code'], status['reason']) == (3, 'Error')
    assert status['started_at'] <= status['finished_at']
    log = runtime.log()
    assert ('stdout', 'F', 'hello') in log and ('stderr', 'F', 'oops') in log and ('stdout', 'P', 'part') in log


def test_long_lines_are_split_and_nothing_is_lost(runtime):
    app = runtime.run_container(runtime.sandbox(), 'i=0; while [ $i -lt 4000 ]; do printf 0123456789; i=$((i+1)); done; echo end; '
                                'seq 1 20000')
    assert runtime.wait(app)['reason'] == 'Completed'
    log = runtime.log()
    assert [line[1] for line in log[:3]] == ['P', 'P', 'F']
    assert ''.join(line[2] for line in log[:3]) == '0123456789' * 4000 + 'end'
    assert [line[2] for line in log[3:]] == [str(n) for n in range(1, 20001)]


def test_environment_and_identity(runtime):
    app = runtime.run_container(runtime.sandbox('web'), 'echo $A $B; hostname; echo $HOSTNAME; pwd; id -u; id -g; cat /etc/hostname',
                                envs={'A': '1', 'B': 'two words'}, working_dir='/tmp',
                                security={'has_run_as_user': True, 'run_as_user': 1000})
    assert runtime.wait(app)['uid'] == 1000
    assert [line[2] for line in runtime.log('web')] == ['1 two words', 'web', 'web', '/tmp', '1000', '1000', 'web']


def test_exec(runtime):
    app = runtime.run_container(runtime.sandbox(), 'sleep 100')
    answer = runtime.exec(app, 'sh', '-c', 'echo out; echo err >&2; exit 5')
    assert (answer['exit_code'], answer['stdout'], answer['stderr']) == (5, 'out\n', 'err\n')
    answer = runtime.call('exec', id=app, command=['cat'], stdin='through and back\n')
    assert (answer['exit_code'], answer['stdout']) == (0, 'through and back\n')
    answer = runtime.call('exec', id=app, command=['sh', '-c', 'until stty size 2>&1 | grep "33 77"; do sleep 0.05; done; tty; exit 4'], stdin='', tty=True)
    assert answer['exit_code'] == 4 and '33 77' in answer['stdout'] and '/dev/pts' in answer['stdout']
    assert runtime.exec(app, 'sh', '-c', 'kill -9 $$')['exit_code'] == 137
    with pytest.raises(rt.RuntimeError_, match='no-such-program'):
        runtime.exec(app, 'no-such-program')
    with pytest.raises(rt.RuntimeError_, match='timed out') as caught:
        runtime.exec(app, 'sleep', '50', timeout_ms=100)
    assert caught.value.reason == 'Timeout'
    assert 'sleep 50' not in runtime.exec(app, 'ps')['stdout']


def test_terminal_and_attach(runtime):
    app = runtime.create(runtime.sandbox(), command=['/bin/sh'], tty=True, stdin=True)
    runtime.call('start', id=app)
    answer = runtime.call('attach', id=app, stdin='echo $((6*7)); until stty size 2>&1 | grep "33 77"; do sleep 0.05; done; exit 9\n')
    assert '42' in answer['stdout'] and '33 77' in answer['stdout'] and answer['exit_code'] == 9
    runtime.wait_log('42')


def test_attach_to_pipes(runtime):
    app = runtime.create(runtime.sandbox(), command=['sh', '-c', 'read x; echo got $x; echo e >&2'], stdin=True, stdin_once=True)
    runtime.call('start', id=app)
    answer = runtime.call('attach', id=app, stdin='a line\n')
    assert (answer['stdout'], answer['stderr'], answer['exit_code']) == ('got a line\n', 'e\n', 0)
    assert ('stdout', 'F', 'got a line') in runtime.log()


def test_stop_signals(runtime):
    pod = runtime.sandbox()
    polite = runtime.run_container(pod, 'trap "echo bye; exit 7" TERM; echo up; while :; do sleep 0.05; done', name='polite')
    deaf = runtime.run_container(pod, 'trap "" TERM; echo up; while :; do sleep 0.05; done', name='deaf')
    other = runtime.run_container(pod, 'trap "exit 8" USR1; echo up; while :; do sleep 0.05; done', name='other',
                                  stop_signal='SIGUSR1')
    for name in ('polite', 'deaf', 'other'):
        runtime.wait_log('up', name=name)
    runtime.call('stop', id=polite, timeout=20)
    assert runtime.status(polite)['exit_code'] == 7
    begin = time.monotonic()
    runtime.call('stop', id=deaf, timeout=1)
    assert 0.9 < time.monotonic() - begin < 20 * wait.SLOW
    assert runtime.status(deaf)['exit_code'] == 137
    runtime.call('stop', id=other, timeout=20)
    assert runtime.status(other)['exit_code'] == 8
    runtime.call('stop', id=other, timeout=20)


def test_start_errors(runtime):
    pod = runtime.sandbox()
    app = runtime.create(pod, command=['/no/such/program'])
    with pytest.raises(rt.RuntimeError_, match='/no/such/program'):
        runtime.call('start', id=app)
    status = runtime.status(app)
    assert (status['state'], status['reason'], status['exit_code']) == ('exited', 'StartError', 128)
    with pytest.raises(rt.RuntimeError_, match='not found') as caught:
        runtime.create(pod, image='missing:1')
    assert caught.value.reason == 'NotFound'
    with pytest.raises(rt.RuntimeError_) as caught:
        runtime.call('start', id=app)
    assert caught.value.reason == 'Conflict'


def test_limits(runtime):
    pod = runtime.sandbox()
    hungry = runtime.run_container(pod, 'x=$(head -c 200000000 /dev/zero | tr "\\\\0" x); echo no', name='hungry',
                                   resources={'memory_limit': 32 << 20})
    status = runtime.wait(hungry)
    assert status['reason'] == 'OOMKilled', status
    forks = runtime.run_container(pod, 'for i in 1 2 3 4 5 6 7 8 9; do sleep 30 & done; echo no', name='forks',
                                  resources={'pids_limit': 4})
    runtime.wait(forks)
    assert any("can't fork" in line[2] for line in runtime.log(name='forks'))
    stats = runtime.run_container(pod, 'sleep 100', name='stats')
    assert [s['pids'] for s in runtime.call('stats')['items'] if s['id'] == stats] == [1]


def test_update_resources(runtime):
    app = runtime.run_container(runtime.sandbox(), 'sleep 100')
    runtime.call('update', id=app, config={'resources': {'memory_limit': 64 << 20}})
    cgroup = rt.memory_cgroup(runtime, app)
    assert open(cgroup).read().strip() == str(64 << 20)


def test_volumes(runtime, test_id):
    folder = test_id.folder('volume')
    app = runtime.run_container(runtime.sandbox(), 'echo data > /data/file; touch /ro/x || echo read-only; touch /x || echo root-ro',
                                mounts=[{'container_path': '/data', 'host_path': folder},
                                        {'container_path': '/ro', 'host_path': folder, 'readonly': True}],
                                security={'readonly_rootfs': True})
    runtime.wait(app)
    assert open(os.path.join(folder, 'file')).read() == 'data\n'
    assert {'read-only', 'root-ro'} <= {line[2] for line in runtime.log()}


def test_shared_pid_namespace(runtime):
    pod = runtime.sandbox(namespaces={'pid': rt.POD})
    one = runtime.run_container(pod, 'sleep 1111', name='one', security={'namespaces': {'pid': rt.POD}})
    two = runtime.run_container(pod, 'sleep 2222', name='two', security={'namespaces': {'pid': rt.POD}})
    seen = runtime.exec(one, 'ps')['stdout']
    assert 'sleep 1111' in seen and 'sleep 2222' in seen
    runtime.call('stop', id=two, timeout=1)
    assert runtime.status(one)['state'] == 'running'


def test_port_forward(runtime):
    pod = runtime.sandbox()
    runtime.run_container(pod, 'httpd -f -p 127.0.0.1:8080 -h /etc')
    end = time.monotonic() + 10
    while True:
        try:
            assert 'root:x:0' in runtime.call('port_forward', id=pod, port=8080, stdin='GET /passwd HTTP/1.0\r\n\r\n')['stdout']
            break
        except rt.RuntimeError_:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_log_rotation(runtime):
    app = runtime.run_container(runtime.sandbox(), 'echo one; while [ ! -e /go ]; do sleep 0.01; done; echo two; sleep 100')
    runtime.wait_log('one')
    path = os.path.join(runtime.logs, 'pod', 'app.log')
    os.rename(path, path + '.old')
    runtime.call('reopen_log', id=app)
    runtime.exec(app, 'touch', '/go')
    runtime.wait_log('two')
    assert not any(line[2] == 'one' for line in runtime.log())


def test_adoption(runtime):
    """kill -9 of the runtime: what runs goes on and is adopted, what ended meanwhile is known, nothing runs twice."""
    pod = runtime.sandbox()
    stays = runtime.run_container(pod, 'echo up; while :; do sleep 0.05; echo alive; done', name='stays')
    ends = runtime.run_container(pod, 'while [ ! -e /data/go ]; do sleep 0.01; done; exit 6', name='ends',
                                 mounts=[{'container_path': '/data', 'host_path': runtime.logs}])
    made = runtime.create(pod, name='made', command=['true'])
    before = runtime.status(stays)
    ticks = start_time(before['pid'])
    runtime.kill()
    open(os.path.join(runtime.logs, 'go'), 'w').close()
    time.sleep(0.3)
    runtime.start()
    after = runtime.status(stays)
    assert after['state'] == 'running' and after['pid'] == before['pid'] and after['started_at'] == before['started_at']
    assert start_time(after['pid']) == ticks
    assert runtime.wait(ends)['exit_code'] == 6
    assert runtime.status(made)['state'] == 'created'
    assert len(runtime.shims()) == 1
    assert runtime.exec(stays, 'echo', 'hi')['stdout'] == 'hi\n'
    lines = len(runtime.log(name='stays'))
    runtime.wait_log('alive', name='stays')
    end = time.monotonic() + 5
    while len(runtime.log(name='stays')) <= lines:
        assert time.monotonic() < end
        time.sleep(0.01)
    runtime.call('stop', id=stays, timeout=1)


@pytest.mark.parametrize('while_down', [False, True])
def test_dead_shim(runtime, while_down):
    pod = runtime.sandbox()
    app = runtime.run_container(pod, 'sleep 1000')
    pid = runtime.status(app)['pid']
    if while_down:
        runtime.kill()
    for shim in runtime.shims():
        os.kill(shim, signal.SIGKILL)
    if while_down:
        runtime.start()
    status = runtime.wait(app)
    assert (status['reason'], status['exit_code']) == ('ShimDied', 137)
    assert not running(pid)
    assert [s['ready'] for s in runtime.call('sandboxes')['items']] == [False]


def test_events(runtime):
    app = runtime.run_container(runtime.sandbox(), 'exit 2')
    runtime.wait(app)
    end = time.monotonic() + 5
    while len(runtime.call('events')['items']) < 3:
        assert time.monotonic() < end
    assert [(e['type'], e['container']) for e in runtime.call('events')['items']] == [
        ('created', app), ('started', app), ('stopped', app)]
    assert runtime.call('events')['items'][2]['exit_code'] == 2


def test_images(runtime, test_id):
    image = Image('127.0.0.1:5000/team/app:v1', files={'motd': b'x'}, user='guest', env={'E': '1'}, entrypoint=['/bin/echo'], cmd=['hi'])
    assert runtime.call('import', file=image.oci_archive(os.path.join(test_id.path, 'a.tar')))['names'] == ['127.0.0.1:5000/team/app:v1']
    app = runtime.create(runtime.sandbox(), image='127.0.0.1:5000/team/app:v1')
    runtime.call('start', id=app)
    assert runtime.wait(app)['uid'] == 1000
    assert ('stdout', 'F', 'hi') in runtime.log()
    runtime.call('remove_image', image='127.0.0.1:5000/team/app:v1')
    assert [i['tags'] for i in runtime.call('images')['items']] == [['docker.io/library/busybox:latest']]
    runtime.call('remove_image', image='127.0.0.1:5000/team/app:v1')
    bad = os.path.join(test_id.path, 'bad.tar')
    open(bad, 'wb').write(b'not an archive' * 100)
    with pytest.raises(rt.RuntimeError_, match='not an image archive|archive'):
        runtime.call('import', file=bad)


def test_speed_and_size(runtime):
    """A pod starts in tens of milliseconds and its shim costs less than 300 KB."""
    times = []
    for n in range(5):
        begin = time.monotonic()
        runtime.run_container(runtime.sandbox('pod%d' % n), 'sleep 1000')
        times.append(time.monotonic() - begin)
    print('sandbox and container: %s ms' % [round(t * 1000, 1) for t in times])
    for shim in runtime.shims():
        with open('/proc/%d/smaps_rollup' % shim) as f:
            anonymous = [int(line.split()[1]) for line in f if line.startswith('Pss_Anon')][0]
        assert anonymous < 300
    assert min(times) < wait.SLOW     # far above what a quiet machine takes: docs/benchmarks.md
