"""An application of a front end and a back end, each on another host, from its YAML to its end, as a user meets it.

One cluster of two hosts for the whole file; each test is one thing that a user does, in this order.
"""
import json
import os
import re
import signal

import pytest

from lib import proc, wait
from lib.cluster import Server, program
from lib.hosts import Network
from lib.image import Image

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='needs root'), pytest.mark.seconds(120)]

NODE_PORT = 30123
PAGE = '''#!/bin/sh
printf 'Content-Type: text/plain\\n\\n'
echo "$ROLE $VERSION $(hostname)"
[ "$ROLE" = back ] || wget -q -O - http://back-end/ || echo 'no answer'
'''
MANIFEST = '''
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {greeting: hello}
---
%(back)s
---
%(front)s
---
apiVersion: v1
kind: Service
metadata: {name: back-end, namespace: shop}
spec:
  selector: {app: back-end}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: front-end, namespace: shop}
spec:
  type: NodePort
  selector: {app: front-end}
  ports: [{port: 80, targetPort: web, nodePort: %(port)d}]
'''
DEPLOYMENT = '''
apiVersion: apps/v1
kind: Deployment
metadata: {name: %(role)s-end, namespace: shop, labels: {tier: %(role)s}}
spec:
  replicas: 1
  selector: {matchLabels: {app: %(role)s-end}}
  template:
    metadata: {labels: {app: %(role)s-end}}
    spec:
      nodeSelector: {kubernetes.io/hostname: %(host)s}
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: shop.local/web:1
        command: [sh, -c, 'echo "$ROLE serves $GREETING"; exec httpd -f -p 8080 -h /www']
        ports: [{name: web, containerPort: 8080}]
        env:
        - {name: ROLE, value: %(role)s}
        - name: GREETING
          valueFrom: {configMapKeyRef: {name: settings, key: greeting}}
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
        resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
'''


class Cluster:
    """Two hosts: on the first a server with its node, on the second a node."""

    def __init__(self, test_id):
        self.test_id = test_id
        self.network = Network(test_id, 2)
        self.agent = self.server = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def flags(self, number):
        host = self.network[number]
        return ['--run-dir', os.path.join(self.test_id.path, 'run%d' % number), '--cgroup-root', self.test_id.cgroup_root('h%d' % number),
                '--hostname-override', 'host%d' % number, '--node-ip', host.address]

    def start(self):
        first = self.network[1]
        self.server = Server(self.test_id, address=first.address, netns=first.netns, node=True,
                             flags=[*self.flags(1), '--node-monitor-period', '1s', '--node-monitor-grace-period', '15s'])
        self.kubectl = self.server.kubectl
        self.agent_data = os.path.join(self.test_id.folder('agent'), 'data')
        self.agent_kubeconfig = os.path.join(self.test_id.folder('agent'), 'kubeconfig')
        made = proc.run([program(), 'kubeconfig', '--data-dir', self.server.data, '--client-name', 'system:node:host2', '--org', 'system:nodes',
                         '--server', self.server.url])
        with os.fdopen(os.open(self.agent_kubeconfig, os.O_WRONLY | os.O_CREAT, 0o600), 'w', encoding='utf-8') as f:
            f.write(made.out)
        for version in ('1', '2'):
            image = Image('shop.local/web:' + version, files={'www/cgi-bin/index.cgi': PAGE}, env={'VERSION': 'v' + version})
            path = image.docker_archive(os.path.join(self.test_id.path, 'web%s.tar' % version))
            for data in (self.server.data, self.agent_data):
                proc.run([program(), 'image', 'import', '--data-dir', data, path])
        self.start_agent()

    def start_agent(self):
        self.agent = proc.Process([program(), 'agent', '--kubeconfig', self.agent_kubeconfig, '--data-dir', self.agent_data, *self.flags(2)],
                                  self.test_id.folder('agent'), name='agent', netns=self.network[2].netns)

    def kill_agent(self):
        self.agent.kill()
        self.agent.wait()
        self.agent.close()

    def wait_ready(self, seconds=20):
        wait.until(lambda: self.ready() == {'host1': True, 'host2': True}, 'both nodes are Ready', seconds)

    def ready(self):
        nodes = self.kubectl.json('get', 'nodes')['items']
        return {n['metadata']['name']: any(c['type'] == 'Ready' and c['status'] == 'True' for c in n['status']['conditions']) for n in nodes}

    def pods(self, *args):
        return self.kubectl.json('-n', 'shop', 'get', 'pods', *args)['items']

    def page(self, number=1):
        """What a browser at another place than the host itself sees at its node port."""
        other = self.network[3 - number]
        return other.run('curl', '-s', '-S', '--max-time', '5', 'http://%s:%d/' % (self.network[number].address, NODE_PORT), check=False).out

    def containers(self):
        """Container id to (pid, start time) of every container's first process on both hosts, from the cgroups."""
        found = {}
        for number in (1, 2):
            for pid in pids_below('/sys/fs/cgroup/pids' if os.path.isdir('/sys/fs/cgroup/pids') else '/sys/fs/cgroup', self.flags(number)[3]):
                with open('/proc/%d/status' % pid, encoding='utf-8') as f:
                    inner = next(line for line in f if line.startswith('NSpid:')).split()[1:]
                if len(inner) > 1 and inner[-1] == '1':
                    found[pid] = start_time(pid)
        return found

    def reset(self, number):
        data = self.server.data if number == 1 else self.agent_data
        proc.run([program(), 'reset', '--data-dir', data, *self.flags(number)], netns=self.network[number].netns)

    def close(self):
        if self.agent:
            self.agent.close()
        if self.server:
            self.server.close()
            for number in (1, 2):
                self.reset(number)
        self.network.close()


def start_time(pid):
    with open('/proc/%d/stat' % pid, encoding='utf-8') as f:
        return int(f.read().rsplit(')', 1)[1].split()[19])


def pids_below(mount, path):
    for folder, _, files in os.walk(mount + path):
        if 'cgroup.procs' in files:
            with open(os.path.join(folder, 'cgroup.procs'), encoding='utf-8') as f:
                yield from map(int, f.read().split())


@pytest.fixture(scope='module')
def cluster(module_id):
    made = Cluster(module_id)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def kubectl(cluster):
    return cluster.kubectl


def manifest():
    return MANIFEST % {'back': DEPLOYMENT % {'role': 'back', 'host': 'host2'}, 'front': DEPLOYMENT % {'role': 'front', 'host': 'host1'},
                       'port': NODE_PORT}


def settle(cluster):
    """Both deployments are rolled out and no pod is left of earlier ones."""
    for name in ('front-end', 'back-end'):
        cluster.kubectl('-n', 'shop', 'rollout', 'status', 'deployment', name, '--timeout=30s', seconds=40)
    wait.until(lambda: all(p['status']['phase'] == 'Running' and 'deletionTimestamp' not in p['metadata'] for p in cluster.pods()), 'old pods are gone', 20)


def ask(cluster, number, script):
    """Runs a script in a pod on a host and returns what it wrote to its termination message."""
    name = 'ask-' + os.urandom(3).hex()
    cluster.kubectl.apply({'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'namespace': 'shop'}, 'spec': {
        'restartPolicy': 'Never', 'nodeSelector': {'kubernetes.io/hostname': 'host%d' % number}, 'terminationGracePeriodSeconds': 1,
        'containers': [{'name': 'ask', 'image': 'shop.local/web:1', 'command': ['sh', '-c', 'exec > /dev/termination-log 2>&1\n' + script]}]}})
    def ended():
        statuses = cluster.kubectl.json('-n', 'shop', 'get', 'pod', name)['status'].get('containerStatuses', [{}])
        return statuses[0].get('state', {}).get('terminated')
    said = wait.until(ended, 'the pod that asks ends', 20).get('message', '')
    cluster.kubectl('-n', 'shop', 'delete', 'pod', name)
    return said


def test_nodes_join(cluster):
    cluster.wait_ready()


def test_apply_brings_both_up_each_on_its_host(cluster, kubectl):
    said = kubectl.apply(manifest()).out
    assert 'deployment.apps/front-end created' in said and 'service/back-end created' in said
    settle(cluster)
    assert {p['metadata']['labels']['app']: p['spec']['nodeName'] for p in cluster.pods()} == {'front-end': 'host1', 'back-end': 'host2'}
    assert 'unchanged' in kubectl.apply(manifest()).out


def test_is_reached_by_node_port_of_every_host(cluster):
    for number in (1, 2):
        page = wait.until(lambda n=number: cluster.page(n), 'the page comes from host %d' % number)
        assert re.fullmatch(r'front v1 front-end-\S+\nback v1 back-end-\S+\n', page), page


@pytest.mark.parametrize('kind', ['nodes', 'pods', 'deployments', 'replicasets', 'services', 'endpoints', 'endpointslices', 'configmaps', 'events'])
def test_every_output_form(kubectl, kind):
    get = lambda *args: kubectl('-n', 'shop', 'get', kind, *args).out
    names = get('-o', 'name').split()
    assert names and all('/' in name for name in names)
    assert [i['metadata']['name'] for i in json.loads(get('-o', 'json'))['items']] == [n.split('/', 1)[1] for n in names]
    assert get('-o', 'yaml').startswith('apiVersion: v1\nitems:\n')
    table = get().splitlines()
    assert len(table) == len(names) + 1 and re.match('NAME|LAST SEEN', table[0])
    assert len(get('-o', 'wide').splitlines()) == len(table)
    assert get('-o', 'jsonpath={.items[*].metadata.name}').split() == [n.split('/', 1)[1] for n in names]
    assert get('-o', 'custom-columns=N:.metadata.name').split()[1:] == [n.split('/', 1)[1] for n in names]
    assert get('-o', 'go-template={{range .items}}{{.metadata.name}} {{end}}').split() == [n.split('/', 1)[1] for n in names]
    assert len(get('--show-labels').splitlines()) == len(table)
    assert names[0].split('/', 1)[1] in kubectl('-n', 'shop', 'describe', kind).out


def test_scale_is_seen_by_a_watch(cluster, kubectl, test_id):
    with kubectl.start('-n', 'shop', 'get', 'pods', '-w', '-o', 'name', '-l', 'app=front-end', folder=test_id.folder('watch')) as watch:
        def seen():
            with open(watch.output, encoding='utf-8') as f:
                return set(f.read().split())
        wait.until(lambda: len(seen()) == 1, 'the watch shows what is there')
        kubectl('-n', 'shop', 'scale', 'deployment', 'front-end', '--replicas=3')
        settle(cluster)
        assert len(cluster.pods('-l', 'app=front-end')) == 3
        wait.until(lambda: {'pod/' + p['metadata']['name'] for p in cluster.pods('-l', 'app=front-end')} <= seen(), 'the watch shows the new pods')
    kubectl('-n', 'shop', 'scale', 'deployment', 'front-end', '--replicas=1')
    settle(cluster)
    wait.until(lambda: len(cluster.pods('-l', 'app=front-end')) == 1, 'one is left')
    assert kubectl.json('-n', 'shop', 'get', 'deployment', 'front-end')['status']['readyReplicas'] == 1


def test_rolls_out_a_new_image_without_a_gap(cluster, kubectl):
    kubectl('-n', 'shop', 'set', 'image', 'deployment/back-end', 'web=shop.local/web:2')
    kubectl('-n', 'shop', 'set', 'image', 'deployment/front-end', 'web=shop.local/web:2')
    pages = []
    def arrived():
        pages.append(cluster.page())
        return re.match(r'front v2 \S+\nback v2 ', pages[-1])
    wait.until(arrived, 'the new image serves', 30)
    settle(cluster)
    assert all(re.match(r'front v[12] \S+\nback v[12] \S+\n', page) for page in pages), pages
    assert {c['image'] for p in cluster.pods() for c in p['spec']['containers']} == {'shop.local/web:2'}
    assert len(kubectl.json('-n', 'shop', 'get', 'replicasets', '-l', 'app=front-end')['items']) == 2
    kubectl('-n', 'shop', 'rollout', 'undo', 'deployment/back-end')
    wait.until(lambda: '\nback v1 ' in cluster.page(), 'the old image serves again', 20)
    settle(cluster)


@pytest.mark.parametrize('number', [1, 2])
def test_names_are_resolved_and_called_from_pods_of_both_hosts(cluster, kubectl, number):
    address = kubectl('-n', 'shop', 'get', 'service', 'back-end', '-o', 'jsonpath={.spec.clusterIP}').out
    for name in ('back-end', 'back-end.shop', 'back-end.shop.svc', 'back-end.shop.svc.cluster.local'):
        said = ask(cluster, number, 'nslookup -type=a %s; wget -q -O - http://%s/' % ('back-end.shop.svc.cluster.local', name))
        assert 'Address: ' + address in said and re.search(r'^back v1 back-end-', said, re.M), said
    said = ask(cluster, number, 'nslookup -type=a kube-dns.kube-system.svc.cluster.local')
    assert said.count('10.96.0.10') >= 2, said
    said = ask(cluster, number, 'wget -q -O - http://front-end/')
    assert re.match(r'front v2 front-end-\S+\nback v1 back-end-', said), said


@pytest.mark.parametrize('role', ['front', 'back'])
def test_logs_are_read_and_followed(kubectl, test_id, role):
    deployment = 'deployment/%s-end' % role
    assert kubectl('-n', 'shop', 'logs', deployment).out == role + ' serves hello\n'
    assert kubectl('-n', 'shop', 'logs', deployment, '--tail=0').out == ''
    assert kubectl('-n', 'shop', 'logs', '-l', 'app=%s-end' % role, '--prefix').out.endswith('web] %s serves hello\n' % role)
    with kubectl.start('-n', 'shop', 'logs', '-f', deployment, folder=test_id.folder('follow')) as follow:
        kubectl('-n', 'shop', 'exec', deployment, '--', 'sh', '-c', 'echo more > /proc/1/fd/1')
        def seen():
            with open(follow.output, encoding='utf-8') as f:
                return f.read().endswith('hello\nmore\n')
        wait.until(seen, 'the log follows')


@pytest.mark.parametrize('role', ['front', 'back'])
def test_exec_runs_a_command_in_a_container(kubectl, role):
    run = lambda *args, **kwargs: kubectl('-n', 'shop', 'exec', *args, **kwargs)
    assert run('deployment/%s-end' % role, '--', 'sh', '-c', 'echo $ROLE $GREETING').out == role + ' hello\n'
    assert run('-i', 'deployment/%s-end' % role, '--', 'tr', 'a-z', 'A-Z', stdin='typed\n').out == 'TYPED\n'
    failed = run('deployment/%s-end' % role, '--', 'sh', '-c', 'echo bad >&2; exit 7', check=False)
    assert failed.status == 7 and failed.err.startswith('bad\n'), failed
    called = run('deployment/%s-end' % role, '--', 'wget', '-q', '-O', '-', 'http://back-end.shop/').out
    assert called.startswith('back v1 '), called


def test_a_killed_container_comes_back(cluster, kubectl):
    before = {p['metadata']['name']: p['status']['containerStatuses'][0] for p in cluster.pods()}
    for pid in cluster.containers():
        os.kill(pid, signal.SIGKILL)
    def back():
        after = {p['metadata']['name']: p['status']['containerStatuses'][0] for p in cluster.pods()}
        return after.keys() == before.keys() and all(
            s['restartCount'] == before[n]['restartCount'] + 1 and s['ready'] and s['containerID'] != before[n]['containerID'] for n, s in after.items()) and after
    after = wait.until(back, 'every container runs again', 40)
    for status in after.values():
        assert status['lastState']['terminated']['exitCode'] == 137
    assert kubectl('-n', 'shop', 'logs', 'deployment/front-end', '--previous').out == 'front serves hello\nmore\n'
    wait.until(lambda: re.match(r'front v2 \S+\nback v1 ', cluster.page()), 'the page comes again', 20)


def statuses(cluster):
    return {p['metadata']['name']: (s['containerID'], s['restartCount'], s['state']['running']['startedAt'])
            for p in cluster.pods() for s in p['status']['containerStatuses']}


def test_a_node_that_dies_alone_comes_back_by_itself(cluster):
    containers, before = cluster.containers(), statuses(cluster)
    node = proc.children(cluster.agent.pid)['node']
    os.kill(node, signal.SIGKILL)
    wait.until(lambda: proc.children(cluster.agent.pid).get('node') not in (None, node), 'the agent has started it again', 20)
    cluster.wait_ready()
    settle(cluster)
    assert cluster.containers() == containers and statuses(cluster) == before


def test_a_host_whose_processes_die_is_seen_and_comes_back(cluster, kubectl):
    containers, before = cluster.containers(), statuses(cluster)
    cluster.kill_agent()
    wait.until(lambda: not cluster.ready()['host2'], 'host2 is not Ready', 30)
    taints = kubectl.json('get', 'node', 'host2')['spec'].get('taints', [])
    assert 'node.kubernetes.io/unreachable' in {t['key'] for t in taints}
    cluster.start_agent()
    cluster.wait_ready()
    wait.until(lambda: not kubectl.json('get', 'node', 'host2')['spec'].get('taints'), 'the taints are taken away')
    assert cluster.containers() == containers and statuses(cluster) == before
    wait.until(lambda: re.match(r'front v2 \S+\nback v1 ', cluster.page()), 'the page comes', 20)


def test_pods_of_a_lost_host_come_up_on_the_other_and_nothing_runs_twice(cluster, kubectl):
    kubectl.apply({'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': 'wanderer', 'namespace': 'shop'}, 'spec': {
        'replicas': 1, 'selector': {'matchLabels': {'app': 'wanderer'}}, 'template': {'metadata': {'labels': {'app': 'wanderer'}}, 'spec': {
            'terminationGracePeriodSeconds': 1,
            'affinity': {'nodeAffinity': {'preferredDuringSchedulingIgnoredDuringExecution': [{'weight': 100, 'preference': {'matchExpressions': [
                {'key': 'kubernetes.io/hostname', 'operator': 'In', 'values': ['host2']}]}}]}},
            'tolerations': [{'key': 'node.kubernetes.io/%s' % key, 'operator': 'Exists', 'effect': 'NoExecute', 'tolerationSeconds': 1}
                            for key in ('unreachable', 'not-ready')],
            'containers': [{'name': 'web', 'image': 'shop.local/web:1', 'command': ['sleep', '100000']}]}}}})
    kubectl('-n', 'shop', 'rollout', 'status', 'deployment', 'wanderer', '--timeout=20s')
    where = lambda: {(p['spec']['nodeName'], p['status']['phase']) for p in cluster.pods('-l', 'app=wanderer')
                     if 'deletionTimestamp' not in p['metadata']}
    assert where() == {('host2', 'Running')}
    cluster.kill_agent()
    wait.until(lambda: where() == {('host1', 'Running')}, 'the pod runs on host1', 40)
    cluster.start_agent()
    cluster.wait_ready()
    wait.until(lambda: len(cluster.pods('-l', 'app=wanderer')) == 1, 'the lost pod is gone', 20)
    wait.until(lambda: len(cluster.containers()) == len(cluster.pods()), 'what it ran has ended', 20)
    kubectl('-n', 'shop', 'delete', 'deployment', 'wanderer')
    wait.until(lambda: not cluster.pods('-l', 'app=wanderer'), 'it is deleted', 20)


def processes_of(cluster):
    """All of the program's processes on these hosts: the server's tree and the agent's, without shims."""
    parents = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/stat' % pid, encoding='utf-8') as f:
                parents[int(pid)] = int(f.read().rsplit(')', 1)[1].split()[1])
            exe = os.readlink('/proc/%s/exe' % pid)
        except OSError:
            continue
        if os.path.basename(exe).split(' ')[0] != 'wherry':
            parents.pop(int(pid))
    mine = {cluster.server.process.pid, cluster.agent.pid}
    while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
        mine |= more
    return mine


def test_everything_but_the_shims_is_killed_and_no_container_notices(cluster):
    settle(cluster)
    containers, before = cluster.containers(), statuses(cluster)
    assert len(containers) == 2
    for pid in processes_of(cluster):
        os.kill(pid, signal.SIGKILL)
    for process in (cluster.server.process, cluster.agent):
        process.wait()
        process.close()
    assert cluster.containers() == containers
    cluster.server.start()
    cluster.start_agent()
    cluster.wait_ready()
    settle(cluster)
    assert cluster.containers() == containers and statuses(cluster) == before
    wait.until(lambda: re.match(r'front v2 \S+\nback v1 ', cluster.page()), 'the page comes', 20)


def test_delete_leaves_nothing_behind(cluster, kubectl):
    kubectl('delete', '-f', '-', stdin=manifest(), seconds=60)
    assert 'shop' not in kubectl('get', 'namespaces', '-o', 'name').out
    wait.until(lambda: not cluster.containers(), 'every container has ended', 20)
    for number in (1, 2):
        run = cluster.flags(number)[1]
        wait.until(lambda r=run: not os.listdir(os.path.join(r, 'pods')), 'no sandbox is left')
        links = cluster.network[number].run('ip', '-o', 'link', 'show', 'type', 'veth').out.splitlines()
        assert len(links) == 1 and 'eth0' in links[0], links
        assert not list(pids_below('/sys/fs/cgroup/pids' if os.path.isdir('/sys/fs/cgroup/pids') else '/sys/fs/cgroup', cluster.flags(number)[3]))


def test_reset_leaves_nothing_on_the_hosts(cluster):
    cluster.agent.close()
    assert cluster.server.stop() == 0
    for number in (1, 2):
        cluster.reset(number)
        assert not os.path.exists(cluster.flags(number)[1])
        host = cluster.network[number]
        assert {line.split(': ')[1].split('@')[0] for line in host.run('ip', '-o', 'link').out.splitlines()} == {'lo', 'eth0'}
        assert 'table' not in host.run('nft', 'list', 'ruleset').out
        assert '10.96' not in host.run('ip', 'addr').out
    with open('/proc/mounts', encoding='utf-8') as f:
        assert cluster.test_id.path not in f.read()
    for mount in os.listdir('/sys/fs/cgroup'):
        assert not any(os.path.isdir('/sys/fs/cgroup/%s%s' % (mount, cluster.flags(n)[3])) for n in (1, 2))
