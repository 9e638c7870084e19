#!/usr/bin/python3
"""One host with the demo: start to node Ready, pods started, memory, CPU and disk at rest.  Needs root.

The host is a network namespace, and this process enters it.  The bill at rest is for every process of the program (shims
too), and not for what runs in the containers.
"""
import ctypes
import os
import statistics
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, 'tests'), os.path.join(ROOT, 'tools'), os.path.join(ROOT, 'bench')]

import up                                         # noqa: E402
from lib import proc, wait                        # noqa: E402
from lib.cluster import Server, program           # noqa: E402
from lib.hosts import Network                     # noqa: E402
from lib.testid import TestId                     # noqa: E402
from server import counters, report               # noqa: E402

PODS, REST_SECONDS = 20, 20
CLONE_NEWNET = 0x40000000


def enter(netns):
    """The rest of this process, and what it starts, is on that host."""
    descriptor = os.open('/run/netns/' + netns, os.O_RDONLY | os.O_CLOEXEC)
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), 'setns')
    os.close(descriptor)


def shims(folder):
    """The shims of this run, which are nobody's children."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/cmdline' % pid, 'rb') as f:
                command = f.read()
            name = os.path.basename(os.readlink('/proc/%s/exe' % pid))
        except OSError:
            continue
        if name.startswith('wherry-shim') and folder.encode() in command:
            found.append(int(pid))
    return found


def node_ready(server):
    nodes = server.api().get('/api/v1/nodes').json['items']
    return any(c['type'] == 'Ready' and c['status'] == 'True' for node in nodes for c in node['status'].get('conditions', []))


def cpu(pids):
    """Seconds they ran, by the kernel's clock of each process: the ticks of /proc/PID/stat are too coarse for nearly nothing."""
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)


def measure_start(server):
    began = time.monotonic()
    server.start(ready=False)
    wait.until(lambda: node_ready(server), 'the node is Ready', 15)
    report('cluster/start/node-ready', 1000 * (time.monotonic() - began), 'ms')


def started_pod(api, name):
    """Milliseconds from the request that creates it until a watch says Running."""
    path = '/api/v1/namespaces/default/pods'
    with api.watch(path + '?fieldSelector=metadata.name=' + name) as watch:
        began = time.monotonic()
        api.create(path, {'metadata': {'name': name}, 'spec': {'terminationGracePeriodSeconds': 0, 'containers': [
            {'name': 'web', 'image': up.DEMO_IMAGE}]}})
        watch.until(lambda event: event['object'].get('status', {}).get('phase') == 'Running', name + ' runs')
        took = 1000 * (time.monotonic() - began)
    api.delete(path + '/' + name)
    return took


def measure_pods(server):
    api = server.api()
    wait.until(lambda: api.get('/api/v1/namespaces/default/serviceaccounts/default').status == 200, 'the service account')
    took = [started_pod(api, 'bench-%d' % i) for i in range(PODS)]
    report('cluster/pod-start/median', statistics.median(took), 'ms')
    report('cluster/pod-start/worst', max(took), 'ms')
    wait.until(lambda: not api.get('/api/v1/namespaces/default/pods').json['items'], 'the pods are gone', 30)


def measure_rest(server, test_id):
    server.kubectl('apply', '-f', os.path.join(ROOT, 'demo', 'demo.yaml'))
    for name in ('back-end', 'front-end'):
        server.kubectl('-n', 'demo', 'rollout', 'status', 'deployment', name, seconds=40)
    time.sleep(5)                                 # a measurement, not a wait: events and status settle
    pids = [pid for pid in proc.family(server.process.pid) if os.path.basename(os.readlink('/proc/%d/exe' % pid)) == 'wherry'] + shims(test_id.path)
    seconds, (_, written) = cpu(pids), counters(pids)
    time.sleep(REST_SECONDS)
    later, (_, more) = cpu(pids), counters(pids)
    keys = ('Pss', 'Pss_Anon', 'Pss_Shmem')
    for pid in pids:
        with open('/proc/%d/cmdline' % pid, 'rb') as f:
            words = f.read().split(b'\0')
        own = proc.rollup([pid], keys)
        command = 'wherry-shim' if b'shim' in words[0] else 'wherry ' + words[1].decode()
        print('# %s: %.1f MB' % (command, own['Pss_Anon'] + own['Pss_Shmem']))
    memory = proc.rollup(pids, keys)
    report('cluster/rest/processes', len(pids), '')
    report('cluster/rest/memory', memory['Pss_Anon'] + memory['Pss_Shmem'], 'MB')
    report('cluster/rest/pss', memory['Pss'], 'MB')
    report('cluster/rest/cpu', 100 * (later - seconds) / REST_SECONDS, '% of a core')
    report('cluster/rest/written', (more - written) / 1024 / REST_SECONDS * 60, 'KB a minute')


def main():
    if os.geteuid():
        print('# skipped: needs root')
        return
    with TestId() as test_id, Network(test_id, 1) as network:
        host = network[1]
        enter(host.netns)
        node = ['--run-dir', test_id.folder('run'), '--cgroup-root', test_id.cgroup_root('node'), '--hostname-override', 'host1',
                '--node-ip', host.address]
        server = Server(test_id, address=host.address, node=True, flags=node, begin=False)
        try:
            measure_start(server)
            proc.run([program(), 'image', 'import', '--data-dir', server.data, up.demo_image(os.path.join(test_id.path, 'demo.tar'))])
            measure_pods(server)
            measure_rest(server, test_id)
        finally:
            server.close()
            proc.run([program(), 'reset', '--data-dir', server.data, *node], check=False)


if __name__ == '__main__':
    main()
