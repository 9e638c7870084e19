"""What a pod may take, its cgroup, the tiers above it, its logs, and what is left of all that."""
import gzip
import os

import pytest

from lib import wait
from lib.node import OneNode

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='needs root'), pytest.mark.seconds(90)]

IMAGE = 'limits.local/box:1'
MAX_PIDS = 40
CGROUPS = '/sys/fs/cgroup'


@pytest.fixture(scope='module')
def cluster(module_id):
    with OneNode(module_id, IMAGE, flags=['--pod-max-pids', str(MAX_PIDS), '--container-log-max-size', '16Ki',
                                                 '--container-log-max-files', '3']) as made:
        yield made


def group(cluster, controller, path):
    """The folder of a group below the node's, for a controller: of its own hierarchy, else of the unified one."""
    top = os.path.join(CGROUPS, controller)
    return (top if os.path.isdir(top) else CGROUPS) + cluster.cgroup + '/kubepods' + path


def value(cluster, path, v1, v2):
    """What a file of a group says: of the first version, whose name begins with its controller, or of the second."""
    folder = group(cluster, v1.split('.')[0], path)
    name = v1 if os.path.exists(os.path.join(folder, v1)) else v2
    with open(os.path.join(folder, name), encoding='utf-8') as f:
        return f.read().strip()


def shares(number):
    """Processor shares as the file of this machine's version has them."""
    return str(number) if os.path.isdir(os.path.join(CGROUPS, 'cpu')) else str(1 + (number - 2) * 9999 // 262142)


def groups_of(uid):
    """All that is left of a pod's cgroups, in any hierarchy."""
    return [folder for folder, _, _ in os.walk(CGROUPS) if folder.endswith('/pod' + uid)]


def test_a_fork_bomb_is_bounded_by_the_pods_limit_and_harms_nobody(cluster):
    bomb = cluster.run('bomb', '(while :; do sleep 1000 & done); echo out of processes; exec sleep 1000', 'exec sleep 1000')
    path = '/besteffort/pod' + cluster.uid(bomb)
    assert value(cluster, path, 'pids.max', 'pids.max') == str(MAX_PIDS)
    wait.until(lambda: "can't fork" in cluster.kubectl('logs', bomb, '-c', 'c').out, 'the bomb meets the limit', 30)
    assert int(value(cluster, path, 'pids.current', 'pids.current')) <= MAX_PIDS
    # The neighbour starts, answers, and has as many processes as it wants below its own limit.
    neighbour = cluster.run('neighbour', 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 & done; echo here; exec sleep 1000')
    assert cluster.kubectl('exec', neighbour, '--', 'echo', 'well').out == 'well\n'
    cluster.wait_ready()
    cluster.kubectl('delete', 'pod', bomb, neighbour, '--now')


def test_the_pods_cgroup_has_the_limits_of_all_its_containers(cluster):
    of = {'args': ['exec sleep 1000'], 'resources': {'requests': {'cpu': '100m', 'memory': '8Mi'}, 'limits': {'cpu': '500m', 'memory': '16Mi'}}}
    cluster.apply('bounded', [of, of], initContainers=[{'name': 'side', 'image': IMAGE, 'restartPolicy': 'Always', **of}])
    uid = cluster.uid(cluster.wait_phase('bounded', 'Running'))
    path = '/burstable/pod' + uid
    assert value(cluster, path, 'cpu.shares', 'cpu.weight') == shares(307)
    assert value(cluster, path, 'cpu.cfs_quota_us', 'cpu.max').split()[0] == '150000'
    assert value(cluster, path, 'memory.limit_in_bytes', 'memory.max') == str(48 << 20)
    wait.until(lambda: value(cluster, '/burstable', 'cpu.shares', 'cpu.weight') == shares(307), 'the tier has the sum of its pods', 20)
    assert value(cluster, '/besteffort', 'cpu.shares', 'cpu.weight') == shares(2)
    cluster.kubectl('delete', 'pod', 'bounded', '--now')
    wait.until(lambda: not groups_of(uid), 'the pod leaves no cgroup', 20)
    wait.until(lambda: value(cluster, '/burstable', 'cpu.shares', 'cpu.weight') == shares(2), 'the tier lets go of its share', 20)


def test_limits_of_some_containers_do_not_bound_the_pod(cluster):
    script = {'args': ['exec sleep 1000']}
    cluster.apply('open', [{**script, 'resources': {'limits': {'cpu': '500m', 'memory': '16Mi'}}}, script])
    path = '/burstable/pod' + cluster.uid(cluster.wait_phase('open', 'Running'))
    assert value(cluster, path, 'cpu.shares', 'cpu.weight') == shares(512)
    assert value(cluster, path, 'cpu.cfs_quota_us', 'cpu.max').split()[0] in ('-1', 'max')
    assert value(cluster, path, 'memory.limit_in_bytes', 'memory.max') in ('max', str(0x7ffffffffffff000))
    cluster.kubectl('delete', 'pod', 'open', '--now')


def test_a_pod_that_has_ended_keeps_no_cgroup(cluster):
    uid = cluster.uid(cluster.run('ended', 'true', phase='Succeeded'))
    wait.until(lambda: not groups_of(uid), 'its cgroup is gone before it is deleted', 20)
    cluster.kubectl('delete', 'pod', 'ended')


def test_what_unknown_pods_left_is_removed_at_start(cluster):
    """A folder without a sandbox and a cgroup, as a crash of the machine or a lost disk leaves them; a living pod keeps its own."""
    alive = cluster.run('alive', 'exec sleep 1000')
    uid, folders = cluster.uid(alive), os.path.join(cluster.server.data, 'agent', 'kubelet', 'pods')
    cluster.server.stop()
    os.makedirs(os.path.join(folders, 'lost', 'volumes', 'kubernetes.io~empty-dir', 'v'))
    os.makedirs(group(cluster, 'pids', '/besteffort/podlost'))
    cluster.server.start()
    wait.until(lambda: not os.path.exists(os.path.join(folders, 'lost')) and not groups_of('lost'), 'what is lost is removed', 20)
    wait.until(lambda: 'uid=lost' in cluster.server.process.text(), 'and that is logged', 20)
    assert os.path.isdir(os.path.join(folders, uid)) and groups_of(uid)
    assert cluster.kubectl('exec', alive, '--', 'echo', 'still').out == 'still\n'


def said(process):
    """The lines it has printed so far."""
    with open(process.output, encoding='utf-8') as f:
        return f.read().splitlines()


def log_folder(cluster, pod, uid):
    return os.path.join(cluster.server.data, 'agent', 'logs', 'default_%s_%s' % (pod, uid))


@pytest.mark.seconds(150)
def test_logs_are_rotated_and_followed_across(cluster):
    """The container writes until two logs were rotated away; a follower from the first line on sees all lines, in order, once."""
    line = 'line %d of a log that is rotated'
    pod = cluster.run('talker', 'echo %s; until [ -e /tmp/go ]; do usleep 10000; done; i=1; '
                      'until [ -e /tmp/stop ]; do echo %s; i=$((i+1)); usleep 5000; done' % (line % 0, line.replace('%d', '$i')))
    uid = cluster.uid(pod)
    folder = os.path.join(log_folder(cluster, pod, uid), 'c')
    with cluster.kubectl.start('logs', '-f', pod, folder=cluster.test_id.folder('follow')) as follower:
        wait.until(lambda: said(follower), 'the first line comes', 30)
        cluster.kubectl('exec', pod, '--', 'touch', '/tmp/go')
        wait.until(lambda: [n for n in os.listdir(folder) if n.endswith('.gz')], 'a log is rotated away and compressed', 60)
        cluster.kubectl('exec', pod, '--', 'touch', '/tmp/stop')
        assert follower.wait(30) == 0
        lines = said(follower)
    assert lines == [line % i for i in range(len(lines))]
    names = sorted(os.listdir(folder))
    assert names[0] == '0.log' and len(names) == 3, names
    with gzip.open(os.path.join(folder, names[1]), 'rt') as f:
        assert f.readline().rstrip('\n').split(' ', 3)[3] in lines
    # Of the present file alone, as upstream's: its beginning is not the container's.
    tail = cluster.kubectl('logs', pod).out.splitlines()
    assert tail == lines[len(lines) - len(tail):]
    cluster.kubectl('delete', 'pod', pod, '--now')
    wait.until(lambda: not os.path.exists(log_folder(cluster, pod, uid)), 'the logs go with the pod', 20)


def test_a_container_that_comes_back_again_and_again_leaves_one_before(cluster):
    pod = cluster.run('again', 'while [ ! -e /tmp/stop ]; do usleep 10000; done', restart='Always')
    folder = os.path.join(log_folder(cluster, pod, cluster.uid(pod)), 'c')
    for run in range(3):
        wait.until(lambda: cluster.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].restartCount} '
                                           '{.status.containerStatuses[0].ready}').out == '%d true' % run, 'run %d' % run, 60)
        if run < 2:
            cluster.kubectl('exec', pod, '--', 'touch', '/tmp/stop')
    wait.until(lambda: sorted(os.listdir(folder)) == ['1.log', '2.log'], 'the first one is gone', 20)
    assert cluster.kubectl('logs', pod, '--previous').ok
    cluster.kubectl('delete', 'pod', pod, '--now')


def test_a_pod_that_the_node_refuses_has_failed_and_stays_so(cluster):
    script = {'args': ['exec sleep 1000']}
    cluster.apply('refused', [script], restart='Always', securityContext={'sysctls': [{'name': 'kernel.msgmnb', 'value': '8192'}]})
    cluster.wait_phase('refused', 'Failed')
    status = cluster.kubectl.json('get', 'pod', 'refused')['status']
    assert (status['reason'], status['message']) == ('SysctlForbidden', 'Pod was rejected: forbidden sysctl: "kernel.msgmnb" not allowlisted')
    wait.until(lambda: 'SysctlForbidden' in cluster.kubectl('get', 'events', '--field-selector', 'involvedObject.name=refused').out, 'it is told', 20)
    cluster.server.stop()
    cluster.server.start()
    cluster.wait_ready()
    cluster.apply('allowed', [{'args': ['cat /proc/sys/net/ipv4/tcp_fin_timeout']}],
                  securityContext={'sysctls': [{'name': 'net.ipv4.tcp_fin_timeout', 'value': '17'}]})
    cluster.wait_phase('allowed', 'Succeeded')
    assert cluster.kubectl('logs', 'allowed').out == '17\n'
    assert cluster.kubectl.json('get', 'pod', 'refused')['status'] == status and not groups_of(cluster.uid('refused'))
    cluster.kubectl('delete', 'pod', 'refused', 'allowed', '--now')
