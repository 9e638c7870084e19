"""`make up` and `make down` without the installing and building: a machine of the test's own, which is a namespace."""
import json
import os
import re

import pytest

from lib import proc
from lib.cluster import ROOT, program
from lib.image import Image
from lib.kubectl import Kubectl

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='needs root'), pytest.mark.seconds(180)]


class Machine:
    """The machine that a person types `make up` on."""

    def __init__(self, test_id):
        self.test_id, self.name, self.netns = test_id, 'up' + test_id.word, test_id.netns('machine')
        self.env = {'WHERRY_UP': self.name, 'B': os.path.dirname(program()), 'NODES': '2'}
        proc.run(['ip', 'netns', 'add', self.netns])
        proc.run(['ip', '-n', self.netns, 'link', 'set', 'lo', 'up'])

    def up(self, *args, check=True):
        return proc.run(['/usr/bin/python3', os.path.join(ROOT, 'tools', 'up.py'), *(args or ['up'])], env=self.env, netns=self.netns, seconds=100, check=check)

    def get(self, url):
        return proc.run(['curl', '-s', '--max-time', '5', url], netns=self.netns, check=False).out

    def close(self):
        self.up('down', check=False)
        proc.run(['ip', 'netns', 'del', self.netns], check=False)


@pytest.fixture(scope='module')
def machine(module_id):
    made = Machine(module_id)
    yield made
    made.close()


def kubeconfig(said):
    return re.search(r'^export KUBECONFIG=(\S+)$', said, re.M).group(1)


def pods(machine, said):
    kubectl = Kubectl(kubeconfig(said), machine.test_id.folder('home'), netns=machine.netns)
    return [(p['metadata']['name'], p['spec']['nodeName'], p['status']['containerStatuses'][0]['containerID'])
            for p in kubectl.json('-n', 'demo', 'get', 'pods')['items']]


def test_up_starts_a_cluster_with_a_demo_that_answers(machine):
    said = machine.up().out
    lines = said.splitlines()
    assert lines[-1].startswith('open http://') and any('make down' in line for line in lines)
    page = machine.get(lines[-1].split()[1])
    assert re.match(r'front end \S+\nback end \S+: ', page), page
    assert {host for _, host, _ in pods(machine, said)} == {'host1', 'host2'}


def test_up_again_changes_nothing_that_runs(machine):
    before = machine.up().out
    assert sorted(pods(machine, machine.up().out)) == sorted(pods(machine, before))


def test_up_brings_back_what_was_killed_on_the_same_data(machine):
    said = machine.up().out
    before = pods(machine, said)
    with open('/var/lib/wherry-up/%s/cluster.json' % machine.name, encoding='utf-8') as f:
        processes = json.load(f)['processes'].values()
    for pid, _ in processes:
        os.kill(pid, 9)
    said = machine.up().out
    assert re.search('^host 1: server and node$', said, re.M) and re.search('^host 2: node$', said, re.M)
    assert sorted(pods(machine, said)) == sorted(before)


def test_load_imports_an_image_on_every_host(machine, test_id):
    path = Image('mine.local/thing:1').docker_archive(os.path.join(test_id.path, 'thing.tar'))
    assert 'on 2 hosts' in machine.up('load', path).out
    for number in (1, 2):
        listed = proc.run([program(), 'image', 'ls', '--data-dir', '/var/lib/wherry-up/%s/host%d' % (machine.name, number)]).out
        assert 'mine.local/thing' in listed


def test_mistakes_are_one_line_that_says_what_to_do(machine, test_id):
    missing = machine.up('load', os.path.join(test_id.path, 'none.tar'), check=False)
    assert missing.status and missing.err.count('\n') == 1 and 'make load IMAGE=FILE' in missing.err


def test_down_removes_everything(machine):
    machine.up('down')
    assert machine.up('down').out == 'nothing is up\n'
    assert not [name for name in os.listdir('/run/netns') if name.startswith(machine.name)]
    assert {line.split(': ')[1] for line in proc.run(['ip', '-o', 'link'], netns=machine.netns).out.splitlines()} == {'lo'}
    for folder in ('/var/lib/wherry-up', '/run/wherry-up'):
        assert not os.path.exists(os.path.join(folder, machine.name))
    with open('/proc/mounts', encoding='utf-8') as f:
        assert machine.name not in f.read()
    for hierarchy in os.listdir('/sys/fs/cgroup'):
        path = os.path.join('/sys/fs/cgroup', hierarchy)
        assert not os.path.isdir(path) or not [name for name in os.listdir(path) if name.startswith(machine.name)]
