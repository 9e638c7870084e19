"""What the other tests stand on: names of their own, processes, waiting, hosts, images, clients."""
import json
import os
import signal
import tarfile

import pytest

from lib import proc, wait
from lib.image import Image
from lib.kubectl import Kubectl
from lib.testid import TestId


def test_names_are_apart_and_go(test_id):
    with TestId() as other:
        assert other.path != test_id.path and other.word != test_id.word
        assert other.netns('a') != test_id.netns('a')
        assert len({other.port() for _ in range(5)} | {test_id.port() for _ in range(5)}) == 10
        path = other.path
        open(os.path.join(other.folder('x'), 'file'), 'w', encoding='utf-8').close()
    assert not os.path.exists(path)


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root, to mount and to make cgroups')
def test_mounts_and_cgroups_go():
    with TestId() as made:
        folder, root = made.folder('mounted'), made.cgroup_root('c')
        proc.run(['mount', '-t', 'tmpfs', 'none', folder])
        hierarchy = '/sys/fs/cgroup/pids' if os.path.isdir('/sys/fs/cgroup/pids') else '/sys/fs/cgroup'
        os.makedirs(hierarchy + root + '/deeper')
        with proc.Process(['sleep', '100'], made.path) as sleeper:
            with open(hierarchy + root + '/deeper/cgroup.procs', 'w', encoding='utf-8') as f:
                f.write(str(sleeper.pid))
            made.close()
            assert sleeper.wait() == -signal.SIGKILL
        assert not os.path.exists(hierarchy + root) and not os.path.exists(folder)


def test_process_is_stopped_and_its_log_kept(test_id):
    with proc.Process(['sh', '-c', 'echo began >&2; trap "exit 3" TERM; while :; do sleep 0.1; done'], test_id.path) as process:
        wait.until(lambda: process.text() == 'began\n', 'it began')
        assert process.alive
        assert process.stop() == 3
        assert not process.alive


def test_process_that_will_not_stop_fails_and_is_gone(test_id):
    with proc.Process(['sh', '-c', 'trap "" TERM; echo began >&2; while :; do sleep 0.1; done'], test_id.path) as process:
        wait.until(process.text, 'it began')
        with pytest.raises(wait.Timeout):
            process.stop(0.2)
        assert not process.alive


def test_waiting_says_what_it_saw():
    with pytest.raises(wait.Timeout, match='three.*last seen: 0'):
        wait.until(lambda: 0, 'three', seconds=0.05)
    with pytest.raises(wait.Timeout, match='ZeroDivisionError'):
        wait.until(lambda: 1 / 0, 'a quotient', seconds=0.05)


def test_hosts_reach_each_other_and_nothing_else(two_hosts):
    assert two_hosts[1].run('ping', '-c1', '-W2', two_hosts[2].address, check=False).ok or \
        two_hosts[1].run('busybox', 'ping', '-c1', '-W2', two_hosts[2].address).ok
    two_hosts[2].unplug()
    assert not two_hosts[1].run('busybox', 'ping', '-c1', '-W1', two_hosts[2].address, check=False).ok
    two_hosts[2].plug()
    wait.until(lambda: two_hosts[1].run('busybox', 'ping', '-c1', '-W1', two_hosts[2].address, check=False).ok, 'host 2 is back')
    links = json.loads(two_hosts[1].run('ip', '-j', 'link').out)
    assert {link['ifname'] for link in links} == {'lo', 'eth0'}


def test_images_are_what_other_programs_read(test_id):
    image = Image('test.local/web:1', files={'www/index.html': 'hello\n'}, cmd=['/bin/httpd', '-f'], env={'A': 'b'})
    archive = image.docker_archive(os.path.join(test_id.path, 'docker.tar'))
    layout = image.oci_layout(test_id.folder('oci'))
    with tarfile.open(archive) as tar:
        assert json.load(tar.extractfile('manifest.json'))[0]['RepoTags'] == ['test.local/web:1']
    for source in ('docker-archive:' + archive, 'oci:' + layout):
        seen = json.loads(proc.run(['skopeo', 'inspect', '--config', source]).out)
        assert seen['config']['Cmd'] == ['/bin/httpd', '-f'] and 'A=b' in seen['config']['Env']


def test_kubectl_is_the_real_one(test_id):
    kubectl = Kubectl(os.path.join(test_id.path, 'none'), test_id.folder('home'))
    assert kubectl.json('version', '--client')['clientVersion']['gitVersion'].startswith('v1.35.')
