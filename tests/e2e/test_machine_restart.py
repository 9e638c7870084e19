"""A machine that starts again: containers, namespaces, links and the run folder are gone, the data is there."""
import os
import shutil

import pytest

from lib import proc, wait
from lib.node import OneNode

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='needs root'), pytest.mark.seconds(60)]

IMAGE = 'restart.local/box:1'


@pytest.fixture
def cluster(test_id):
    with OneNode(test_id, IMAGE) as made:
        yield made


def cgroup_folders(cluster):
    for hierarchy in os.listdir('/sys/fs/cgroup'):
        for folder, _, _ in os.walk('/sys/fs/cgroup/%s%s' % (hierarchy, cluster.cgroup), topdown=False):
            yield folder


def processes(cluster):
    found = set()
    for folder in cgroup_folders(cluster):
        try:
            with open(os.path.join(folder, 'cgroup.procs'), encoding='utf-8') as f:
                found |= set(map(int, f.read().split()))
        except OSError:
            continue
    return found


def lose_power(cluster):
    """All that a machine forgets when it goes down: processes, cgroups, mounts, links, the run folder."""
    cluster.server.kill()
    wait.until(lambda: [os.kill(pid, 9) for pid in processes(cluster)] == [], 'every process is gone', 30)
    for folder in cgroup_folders(cluster):
        wait.until(lambda f=folder: not os.path.isdir(f) or os.rmdir(f) is None, 'the cgroup goes', 30)
    run = os.path.join(cluster.test_id.path, 'run')
    with open('/proc/self/mountinfo', encoding='utf-8') as f:
        mounts = [line.split()[4] for line in f if line.split()[4].startswith(run + '/')]
    for mount in reversed(mounts):
        proc.run(['umount', '-l', mount])
    shutil.rmtree(run)
    os.mkdir(run)
    for line in cluster.host.run('ip', '-o', 'link', 'show').out.splitlines():
        link = line.split(': ')[1].split('@')[0]
        if link not in ('lo', 'eth0'):
            cluster.host.run('ip', 'link', 'del', link, check=False)
    cluster.host.run('nft', 'flush', 'ruleset')


def container(cluster, pod):
    return cluster.kubectl.json('get', 'pod', pod)['status']['containerStatuses'][0]


def test_pods_run_again_after_the_machine_went_down(cluster):
    cluster.run('always', 'echo run; exec sleep 1000', restart='Always')
    cluster.run('never', 'exec sleep 1000', restart='Never')
    cluster.run('done', 'true', phase='Succeeded')
    before = container(cluster, 'always')
    lose_power(cluster)
    cluster.server.start()
    cluster.wait_ready()
    again = wait.until(lambda: (c := container(cluster, 'always'))['restartCount'] == 1 and 'running' in c['state'] and c, 'it runs again', 30)
    assert again['containerID'] != before['containerID'] and again['lastState']['terminated']['exitCode'] != 0
    # What may not run twice has failed, and what was over stays over.
    cluster.wait_phase('never', 'Failed')
    assert cluster.kubectl('get', 'pod', 'done', '-o', 'jsonpath={.status.phase}').out == 'Succeeded'
    assert cluster.kubectl('exec', 'always', '--', 'echo', 'here').out == 'here\n'
    assert cluster.kubectl('logs', 'always').out == 'run\n'
    cluster.run('new', 'exec sleep 1000')
    cluster.kubectl('delete', 'pods', '--all')
    wait.until(lambda: not processes(cluster), 'nothing is left', 30)
