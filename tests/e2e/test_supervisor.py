"""A server's processes: who runs as whom, what comes back, what goes along with the supervisor."""
import os
import signal

import pytest

from lib import proc, wait
from lib.cluster import Server, program

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')


@pytest.fixture(scope='module')
def host_server(module_id):
    """A server with its node, on a host of its own."""
    from lib.hosts import Network
    with Network(module_id, 1) as network:
        run = module_id.folder('run')
        with Server(module_id, address=network[1].address, netns=network[1].netns, node=True,
                    flags=node_flags(module_id, network[1])) as server:
            yield server
            server.close()
        reset(module_id, network[1], server)
        assert not os.listdir(run)


def node_flags(test_id, host):
    return ['--run-dir', os.path.join(test_id.path, 'run', 'host'), '--cgroup-root', test_id.cgroup_root('host'), '--hostname-override', 'host',
            '--node-ip', host.address]


def reset(test_id, host, server):
    proc.run([program(), 'reset', '--data-dir', server.data, *server.flags], netns=host.netns)


def both(server):
    found = proc.children(server.process.pid)
    return found if set(found) == {'control-plane', 'node'} else None


def status(pid, key):
    with open('/proc/%d/status' % pid, encoding='utf-8') as f:
        return next(line.split()[1:] for line in f if line.startswith(key + ':'))


def test_control_plane_has_no_rights_and_the_node_has(host_server):
    found = wait.until(lambda: both(host_server), 'both children run')
    assert set(status(found['control-plane'], 'Uid')) == {str(os.stat(os.path.join(host_server.data, 'server')).st_uid)} != {'0'}
    assert status(found['control-plane'], 'CapEff') == ['0' * 16]
    assert status(found['control-plane'], 'NoNewPrivs') == ['1']
    assert status(found['control-plane'], 'Groups') == []
    assert set(status(found['node'], 'Uid')) == {'0'}


def test_keys_and_kubeconfigs_are_their_owners_alone(host_server):
    mode = lambda *path: oct(os.stat(os.path.join(host_server.data, *path)).st_mode & 0o777)
    assert mode('server') == mode('agent') == '0o700'
    assert mode('agent', 'kubeconfig') == '0o600' and os.stat(os.path.join(host_server.data, 'agent', 'kubeconfig')).st_uid == 0
    assert os.stat(host_server.kubeconfig).st_mode & 0o777 == 0o600 and os.stat(host_server.kubeconfig).st_uid == 0


def test_node_joins_and_is_ready(host_server):
    def ready():
        conditions = host_server.kubectl.json('get', 'node', 'host')['status']['conditions']
        return any(c['type'] == 'Ready' and c['status'] == 'True' for c in conditions)
    wait.until(ready, 'the node is Ready', 15)


@pytest.mark.parametrize('name', ['node', 'control-plane'])
def test_a_killed_child_comes_back(host_server, name):
    before = wait.until(lambda: both(host_server), 'both children run')
    os.kill(before[name], signal.SIGKILL)
    after = wait.until(lambda: (both(host_server) or {}).get(name) not in (None, before[name]) and both(host_server), '%s comes back' % name)
    other, = set(before) - {name}
    assert after[other] == before[other]
    assert 'child=%s pid=%d signal=9' % (name, before[name]) in host_server.process.text()
    host_server.wait_ready()


def test_a_killed_supervisor_leaves_no_child(host_server):
    found = wait.until(lambda: both(host_server), 'both children run')
    descriptors = [os.pidfd_open(pid) for pid in found.values()]
    host_server.kill()
    for descriptor in descriptors:
        wait.until(lambda fd=descriptor: gone(fd), 'the child is gone', 5)
        os.close(descriptor)
    host_server.start()


def gone(descriptor):
    try:
        signal.pidfd_send_signal(descriptor, 0)
    except ProcessLookupError:
        return True
    # Dead, and its new parent has not looked yet.
    with open('/proc/self/fdinfo/%d' % descriptor, encoding='utf-8') as f:
        pid = int(next(line for line in f if line.startswith('Pid:')).split()[1])
    return pid < 0 or status(pid, 'State')[0] == 'Z'


def test_stops_cleanly_with_all_its_children(host_server):
    found = wait.until(lambda: both(host_server), 'both children run')
    assert host_server.stop() == 0
    assert not any(os.path.exists('/proc/%d' % pid) for pid in found.values())
    assert 'child did not stop' not in host_server.process.text()
    host_server.start()


def test_a_node_that_runs_is_not_reset(host_server):
    refused = proc.run([program(), 'reset', '--data-dir', host_server.data, *host_server.flags], netns=host_server.netns, check=False)
    assert refused.status == 1 and 'a node runs' in refused.err and refused.err.count('\n') == 1, refused
    host_server.wait_ready()


def test_a_port_in_use_ends_the_whole_in_one_line(host_server, test_id):
    folder = test_id.folder('second')
    result = proc.run([program(), 'server', '--data-dir', folder, '--bind-address', host_server.address, '--secure-port', host_server.port,
                       '--run-dir', os.path.join(folder, 'run'), '--cgroup-root', test_id.cgroup_root('second')],
                      netns=host_server.netns, check=False)
    said = [line for line in result.err.splitlines() if line.startswith('wherry server')]
    assert result.status == 1 and len(said) == 1 and 'in use' in said[0].lower(), result


def dns_process(server):
    return proc.children((both(server) or {}).get('node')).get('dns')


def test_dns_has_no_rights_and_comes_back(host_server):
    before = wait.until(lambda: dns_process(host_server), 'the DNS process runs')
    assert '0' not in status(before, 'Uid')
    assert status(before, 'CapEff') == ['0' * 16]
    os.kill(before, signal.SIGKILL)
    wait.until(lambda: dns_process(host_server) not in (None, before), 'another DNS process runs')
