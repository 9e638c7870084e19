"""Pods that cannot run: each says why as upstream's do, in its status and in an event, and none holds up another."""
import os

import pytest

from lib import wait
from lib.node import OneNode

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='needs root'), pytest.mark.seconds(60)]

IMAGE = 'faults.local/box:1'


@pytest.fixture(scope='module')
def cluster(module_id):
    with OneNode(module_id, IMAGE) as made:
        yield made


def waiting(cluster, name):
    """Why the pod's first container waits: reason and message."""
    state = cluster.kubectl.json('get', 'pod', name)['status']['containerStatuses'][0]['state'].get('waiting', {})
    return state.get('reason'), state.get('message', '')


def events(cluster, name):
    return [(e['type'], e['reason'], e['message'])
            for e in cluster.kubectl.json('get', 'events', '--field-selector', 'involvedObject.name=' + name)['items']]


def wait_event(cluster, name, reason, text):
    def told():
        seen = events(cluster, name)
        assert any(kind == 'Warning' and why == reason and text in message for kind, why, message in seen), seen
        return True
    wait.until(told, '%s says %s: %s' % (name, reason, text), 30)


def others_run(cluster, name):
    cluster.run(name, 'exec sleep 1000')
    cluster.kubectl('delete', 'pod', name, '--grace-period=0', '--force')


def test_an_unknown_image(cluster):
    cluster.apply('image', [{'image': 'faults.local/none:1', 'imagePullPolicy': 'Never'}])
    wait.until(lambda: waiting(cluster, 'image') == ('ErrImageNeverPull', 'Container image "faults.local/none:1" is not present with pull policy of Never'),
               'the status says it', 30)
    wait_event(cluster, 'image', 'ErrImageNeverPull', 'is not present with pull policy of Never')
    wait_event(cluster, 'image', 'Failed', 'Error: ErrImageNeverPull')
    others_run(cluster, 'beside-image')


def test_a_name_that_is_no_image(cluster):
    cluster.apply('name', [{'image': 'NOT/an image'}])
    wait.until(lambda: waiting(cluster, 'name')[0] == 'InvalidImageName', 'the status says it', 30)
    wait_event(cluster, 'name', 'InspectFailed', 'Failed to apply default image tag "NOT/an image": couldn\'t parse image name')
    others_run(cluster, 'beside-name')


@pytest.mark.parametrize('command, text', [
    ('/no/such/program', 'o such file or directory'),
    ('/etc/passwd', 'ermission denied'),
])
def test_a_command_that_cannot_run(cluster, command, text):
    name = 'command-' + command.rsplit('/', 1)[1]
    cluster.apply(name, [{'command': [command]}])
    pod = wait.until(lambda: (p := cluster.kubectl.json('get', 'pod', name))['status']['phase'] == 'Failed' and p, 'the pod fails', 30)
    ended = pod['status']['containerStatuses'][0]['state']['terminated']
    assert ended['exitCode'] == 128 and ended['reason'] == 'StartError' and text in ended['message']
    wait_event(cluster, name, 'Failed', 'Error: failed to create containerd task')
    others_run(cluster, 'beside-' + name)


def test_a_command_that_ends_again_and_again_is_held_back(cluster):
    cluster.apply('crashing', [{'args': ['exit 3']}], restart='Always')
    wait.until(lambda: waiting(cluster, 'crashing')[0] == 'CrashLoopBackOff', 'it is held back', 60)
    assert 'back-off ' in waiting(cluster, 'crashing')[1] and 'restarting failed container=c pod=crashing_default(' in waiting(cluster, 'crashing')[1]
    wait_event(cluster, 'crashing', 'BackOff', 'Back-off restarting failed container c in pod crashing_default(')
    others_run(cluster, 'beside-crashing')


@pytest.mark.parametrize('source, text', [
    ({'configMap': {'name': 'none'}}, 'MountVolume.SetUp failed for volume "v" : configmap "none" not found'),
    ({'secret': {'secretName': 'none'}}, 'MountVolume.SetUp failed for volume "v" : secret "none" not found'),
    ({'hostPath': {'path': '/no/such/folder', 'type': 'Directory'}},
     'MountVolume.SetUp failed for volume "v" : hostPath type check failed: /no/such/folder is not a directory'),
    ({'hostPath': {'path': '/etc/passwd', 'type': 'Socket'}},
     'MountVolume.SetUp failed for volume "v" : hostPath type check failed: /etc/passwd is not a socket file'),
])
def test_a_volume_that_cannot_be_mounted(cluster, source, text):
    name = 'volume-' + '-'.join([*source, source.get('hostPath', {}).get('type', 'any')]).lower()
    cluster.apply(name, [{'args': ['exec sleep 1000'], 'volumeMounts': [{'name': 'v', 'mountPath': '/v'}]}], volumes=[{'name': 'v', **source}])
    wait_event(cluster, name, 'FailedMount', text)
    assert waiting(cluster, name)[0] == 'ContainerCreating'
    others_run(cluster, 'beside-' + name)


def test_a_volume_that_comes_late_is_mounted(cluster):
    cluster.apply('late', [{'args': ['cat /v/k; echo; exec sleep 1000'], 'volumeMounts': [{'name': 'v', 'mountPath': '/v'}]}],
                  volumes=[{'name': 'v', 'configMap': {'name': 'late'}}])
    wait_event(cluster, 'late', 'FailedMount', 'configmap "late" not found')
    cluster.kubectl('create', 'configmap', 'late', '--from-literal=k=here')
    cluster.wait_phase('late', 'Running')
    wait.until(lambda: cluster.kubectl('logs', 'late').out == 'here\n', 'it reads the volume', 30)


@pytest.mark.parametrize('env, text', [
    ({'configMapKeyRef': {'name': 'none', 'key': 'k'}}, 'configmap "none" not found'),
    ({'secretKeyRef': {'name': 'none', 'key': 'k'}}, 'secret "none" not found'),
])
def test_an_environment_that_is_not_there(cluster, env, text):
    name = 'env-' + next(iter(env)).lower()
    cluster.apply(name, [{'args': ['exec sleep 1000'], 'env': [{'name': 'E', 'valueFrom': env}]}])
    wait.until(lambda: waiting(cluster, name) == ('CreateContainerConfigError', text), 'the status says it', 30)
    wait_event(cluster, name, 'Failed', 'Error: ' + text)
    others_run(cluster, 'beside-' + name)


def test_a_pod_that_fits_nowhere(cluster):
    cluster.apply('big', [{'args': ['exec sleep 1000'], 'resources': {'requests': {'cpu': '1000'}}}])
    wait_event(cluster, 'big', 'FailedScheduling', '0/1 nodes are available: 1 Insufficient cpu.')
    others_run(cluster, 'beside-big')
