"""Objects that make a component crash: the rest goes on, and the object can be deleted."""
import os
import shutil

import pytest

from lib import wait
from lib.cluster import program
from lib.netdriver import built
from lib.node import OneNode

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='needs root'), pytest.mark.seconds(60)]

IMAGE = 'crash.local/box:1'
CRASH = 'fault.wherry.example/crash'


@pytest.fixture
def cluster(test_id):
    """A cluster of a program with the fault of tests/e2e/fault.c; it looks for the shim beside itself."""
    folder = test_id.folder('bin')
    binary = shutil.copy(built('tests/e2e/wherry-faulty'), os.path.join(folder, 'wherry'))
    shutil.copy(os.path.join(os.path.dirname(program()), 'wherry-shim'), folder)
    with OneNode(test_id, IMAGE, binary=binary) as made:
        yield made


def deployment(name, crash=None):
    labels = {'app': name}
    return {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': name, 'annotations': {CRASH: crash} if crash else {}}, 'spec': {
        'selector': {'matchLabels': labels},
        'template': {'metadata': {'labels': labels}, 'spec': {
            'terminationGracePeriodSeconds': 1, 'containers': [{'name': 'c', 'image': IMAGE, 'args': ['exec sleep 1000']}]}}}}


def pod(name, crash=None):
    return {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'annotations': {CRASH: crash} if crash else {}}, 'spec': {
        'terminationGracePeriodSeconds': 1, 'containers': [{'name': 'c', 'image': IMAGE, 'args': ['exec sleep 1000']}]}}


def apply(cluster, manifest):
    """Applies it though the API may die under the request."""
    wait.until(lambda: cluster.kubectl.apply(manifest, check=False).ok, 'it is applied', 30)


def crashes(cluster, child, component, key):
    line = 'crashed at work child=%s component=%s key=%s crashes=' % (child, component, key)
    return cluster.server.process.text().count(line)


def quarantined(cluster, kind, name):
    events = cluster.kubectl.json('get', 'events')['items']
    return any(e['reason'] == 'Quarantined' and (e['involvedObject']['kind'], e['involvedObject']['name']) == (kind, name) for e in events)


def sets_of(cluster, name):
    return cluster.kubectl('get', 'replicasets', '-l', 'app=' + name, '-o', 'name').out.split()


def crash_controllers(cluster, name):
    apply(cluster, deployment(name, 'deployment-controller'))
    wait.until(lambda: crashes(cluster, 'control-plane', 'deployment-controller', 'default/' + name), 'the controllers crash over ' + name, 30)
    wait.until(lambda: cluster.kubectl('get', 'deployment', name, check=False).ok, 'the API is back', 30)


def available(cluster, name):
    return cluster.kubectl('get', 'deployment', name, '-o', 'jsonpath={.status.availableReplicas}').out == '1'


def test_a_poisonous_object_is_left_alone(cluster):
    crash_controllers(cluster, 'bad')
    apply(cluster, deployment('good'))
    wait.until(lambda: available(cluster, 'good'), 'another deployment comes up', 30)
    wait.until(lambda: quarantined(cluster, 'Deployment', 'bad'), 'an event says why', 30)
    wait.until(lambda: not sets_of(cluster, 'bad'), 'nothing was done for it')
    # Without what made it crash it is done as any other, once the quarantine is over.
    wait.until(lambda: cluster.kubectl('annotate', 'deployment', 'bad', CRASH + '-', check=False).ok, 'it is healed', 30)
    wait.until(lambda: available(cluster, 'bad'), 'the deployment is taken up again', 60)


def test_after_three_crashes_the_api_alone_stays(cluster):
    cluster.kubectl.apply(deployment('good'))
    wait.until(lambda: available(cluster, 'good'), 'a deployment is there', 30)
    for name in ('bad-1', 'bad-2', 'bad-3'):
        crash_controllers(cluster, name)
    wait.until(lambda: 'components held back' in cluster.server.process.text(), 'scheduler and controllers stay away', 30)
    said = cluster.kubectl('get', '--raw', '/readyz', check=False)
    assert not said.ok and 'components failed: scheduler and controllers crashed again and again' in said.out + said.err
    assert cluster.kubectl('get', '--raw', '/livez').out == 'ok'
    # The API answers, so that the objects can be deleted; then all is well with the next start.
    cluster.kubectl('delete', 'deployment', 'bad-1', 'bad-2', 'bad-3', '--wait=false')
    cluster.server.stop()
    cluster.server.start()
    wait.until(lambda: available(cluster, 'good'), 'the deployment is as it was', 30)
    cluster.kubectl('scale', 'deployment', 'good', '--replicas=0')
    wait.until(lambda: not cluster.kubectl('get', 'pods', '-o', 'name').out, 'controllers work again', 30)


@pytest.mark.parametrize('component, child', [('scheduler', 'control-plane'), ('kubelet', 'node')])
def test_a_poisonous_pod_stops_no_other(cluster, component, child):
    def started():
        return cluster.kubectl('get', 'pod', 'before', '-o', 'jsonpath={.status.containerStatuses[0].state.running.startedAt}').out
    cluster.run('before', 'exec sleep 1000')
    since = started()
    apply(cluster, pod('bad', component))
    key = cluster.uid('bad') if component == 'kubelet' else 'default/bad'
    wait.until(lambda: crashes(cluster, child, component, key), 'the %s crashes' % component, 30)
    wait.until(lambda: quarantined(cluster, 'Pod', 'bad'), 'an event says why', 30)
    apply(cluster, pod('after'))
    cluster.wait_phase('after', 'Running')
    wait.until(lambda: started() == since, 'what ran before still runs')
