"""Workloads with a real API and no node: the test says how their pods are."""
import json
import time

from lib import wait

SECONDS = 30


def manifest(image, **spec):
    return {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': 'web'},
            'spec': {'selector': {'matchLabels': {'app': 'web'}},
                     'template': {'metadata': {'labels': {'app': 'web'}},
                                  'spec': {'schedulerName': 'nobody', 'containers': [{'name': 'c', 'image': image}]}}, **spec}}


def make_ready(api, namespace):
    """Tells of all pods that they are ready, as their kubelet would."""
    status = {'phase': 'Running', 'conditions': [{'type': 'Ready', 'status': 'True', 'lastTransitionTime': '2026-01-02T03:04:05Z'}]}
    for pod in api.get('/api/v1/namespaces/%s/pods' % namespace).json['items']:
        if 'phase' in pod['status'] and pod['status']['phase'] == 'Running':
            continue
        api.call('PATCH', '/api/v1/namespaces/%s/pods/%s/status' % (namespace, pod['metadata']['name']), {'status': status},
                 content_type='application/merge-patch+json')


def deployment(api, namespace):
    return api.get('/apis/apps/v1/namespaces/%s/deployments/web' % namespace).json


def images(api, namespace):
    return sorted(p['spec']['containers'][0]['image'] for p in api.get('/api/v1/namespaces/%s/pods' % namespace).json['items'])


def roll_out(api, namespace, wanted):
    """Makes pods ready until the pods are those wanted and the Deployment says that it is done."""
    def done():
        make_ready(api, namespace)
        status = deployment(api, namespace)['status']
        progress = [c['reason'] for c in status.get('conditions', []) if c['type'] == 'Progressing']
        return images(api, namespace) == wanted and progress == ['NewReplicaSetAvailable'] and \
            status.get('observedGeneration') == deployment(api, namespace)['metadata']['generation']
    wait.until(done, 'the pods are %r' % wanted, SECONDS)


def revision(api, namespace):
    return deployment(api, namespace)['metadata']['annotations']['deployment.kubernetes.io/revision']


def test_rollout_scale_and_undo(server, kubectl, namespace):
    api = server.api()
    kubectl.apply(manifest('one', replicas=3), '-n', namespace)
    roll_out(api, namespace, ['one'] * 3)
    kubectl('set', 'image', 'deployment/web', 'c=two', '-n', namespace)
    roll_out(api, namespace, ['two'] * 3)
    kubectl('scale', 'deployment/web', '--replicas=1', '-n', namespace)
    roll_out(api, namespace, ['two'])
    assert revision(api, namespace) == '2'
    kubectl('rollout', 'undo', 'deployment/web', '-n', namespace)
    roll_out(api, namespace, ['one'])
    wait.until(lambda: revision(api, namespace) == '3', 'the former set has a new revision', SECONDS)
    kubectl('rollout', 'status', 'deployment/web', '-n', namespace)


def test_a_replicaset_says_what_keeps_it(server, namespace):
    """Its pods need an account that is not there."""
    api = server.api()
    made = manifest('one', replicas=1)
    made['spec']['template']['spec']['serviceAccountName'] = 'missing'
    api.create('/apis/apps/v1/namespaces/%s/deployments' % namespace, made)

    def failure():
        return [c for c in deployment(api, namespace)['status'].get('conditions', []) if c['type'] == 'ReplicaFailure']
    told = wait.until(failure, 'the failure is told on the Deployment', SECONDS)[0]
    assert told['reason'] == 'FailedCreate' and 'serviceaccount "missing" not found' in told['message'], json.dumps(told)
    api.create('/api/v1/namespaces/%s/serviceaccounts' % namespace, {'metadata': {'name': 'missing'}})
    wait.until(lambda: images(api, namespace) == ['one'] and not failure(), 'the pod is there and no failure', SECONDS)


def test_an_orphan_is_adopted(server, kubectl, namespace):
    api = server.api()
    kubectl.apply(manifest('one', replicas=1), '-n', namespace)
    roll_out(api, namespace, ['one'])
    kubectl('delete', 'deployment', 'web', '--cascade=orphan', '-n', namespace)
    sets = '/apis/apps/v1/namespaces/%s/replicasets' % namespace
    before = api.get(sets).json['items']
    assert len(before) == 1 and not before[0]['metadata'].get('ownerReferences'), before
    kubectl.apply(manifest('one', replicas=1), '-n', namespace)
    wait.until(lambda: api.get(sets).json['items'][0]['metadata'].get('ownerReferences'), 'the set has an owner', SECONDS)
    roll_out(api, namespace, ['one'])
    assert [s['metadata']['uid'] for s in api.get(sets).json['items']] == [before[0]['metadata']['uid']]


def test_a_replication_controller_keeps_its_pods(server, kubectl, namespace):
    api = server.api()
    made = manifest('one', replicas=2, selector={'app': 'web'})
    made.update(apiVersion='v1', kind='ReplicationController')
    kubectl.apply(made, '-n', namespace)
    wait.until(lambda: images(api, namespace) == ['one'] * 2, 'two pods are there', SECONDS)
    make_ready(api, namespace)
    wait.until(lambda: kubectl.json('get', 'rc', 'web', '-n', namespace)['status'].get('readyReplicas') == 2, 'both are counted as ready', SECONDS)
    kubectl('scale', 'rc/web', '--replicas=1', '-n', namespace)
    wait.until(lambda: images(api, namespace) == ['one'], 'one is deleted', SECONDS)


def keep_node(api, name):
    """Tells of a node that it is well, as its kubelet would again and again."""
    api.call('PATCH', '/api/v1/nodes/%s/status' % name, {'status': {
        'allocatable': {'cpu': '4', 'memory': '8Gi', 'pods': '110'}, 'capacity': {'cpu': '4', 'memory': '8Gi', 'pods': '110'},
        'conditions': [{'type': 'Ready', 'status': 'True', 'reason': 'KubeletReady', 'message': 'well',
                        'lastHeartbeatTime': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), 'lastTransitionTime': '2026-01-02T03:04:05Z'}]}},
             content_type='application/merge-patch+json')


class Rollout:
    """A workload, what keeps its pods (and nodes) well, and kubectl to roll it with."""

    def __init__(self, kubectl, api, namespace, what, nodes=()):
        self.kubectl, self.api, self.namespace, self.what, self.nodes = kubectl, api, namespace, what, list(nodes)

    def say(self, verb, *args):
        return self.kubectl('rollout', verb, self.what, '-n', self.namespace, *args).out

    def pods(self):
        for name in self.nodes:
            keep_node(self.api, name)
        make_ready(self.api, self.namespace)
        return self.api.get('/api/v1/namespaces/%s/pods' % self.namespace).json['items']

    def names(self):
        return sorted(p['metadata']['name'] for p in self.pods())

    def places(self):
        return sorted(p['spec'].get('nodeName', '') for p in self.pods())

    def wait_for(self, wanted):
        """Until all pods are of the wanted images and kubectl says that it is over."""
        def done():
            found = sorted(p['spec']['containers'][0]['image'] for p in self.pods())
            said = self.say('status', '--watch=false')
            return found == wanted and ('successfully rolled out' in said or 'roll out complete' in said)
        wait.until(done, '%s has pods %r' % (self.what, wanted), SECONDS)

    def there_and_back(self, count):
        """To another template, back, and the same with other pods."""
        self.wait_for(['one'] * count)
        self.kubectl('set', 'image', self.what, 'c=two', '-n', self.namespace)
        self.wait_for(['two'] * count)
        for revision, image in ('1', 'one'), ('2', 'two'):
            assert 'Image:\t%s' % image in self.say('history', '--revision=' + revision)
        self.say('undo')
        self.wait_for(['one'] * count)
        listed = self.say('history').split('\n')
        assert [line.split()[0] for line in listed[2:] if line] == ['2', '3'], listed
        before = {p['metadata']['uid'] for p in self.pods()}
        self.say('restart')
        wait.until(lambda: not before & {p['metadata']['uid'] for p in self.pods()}, 'every pod is another', SECONDS)
        self.wait_for(['one'] * count)


def test_a_daemonset_runs_on_every_node(server, kubectl, namespace):
    """Nodes come, go and are kept for others; pods are bound by the scheduler, each to its node."""
    names = ['%s-%d' % (namespace, i) for i in range(3)]
    made = manifest('one', updateStrategy={'type': 'RollingUpdate', 'rollingUpdate': {'maxUnavailable': '50%'}})
    made['kind'] = 'DaemonSet'
    made['spec']['template']['spec'].update(schedulerName='default-scheduler', nodeSelector={'daemons': namespace}, terminationGracePeriodSeconds=0)
    rollout = Rollout(kubectl, server.api(), namespace, 'daemonset/web')

    def add_node(name):
        kubectl.apply({'apiVersion': 'v1', 'kind': 'Node', 'metadata': {'name': name, 'labels': {'daemons': namespace}}})
        rollout.nodes.append(name)
    try:
        add_node(names[0])
        add_node(names[1])
        kubectl.apply(made, '-n', namespace)
        wait.until(lambda: rollout.places() == names[:2], 'a pod is on each node', SECONDS)
        add_node(names[2])
        wait.until(lambda: rollout.places() == names, 'one is on the new node', SECONDS)
        rollout.there_and_back(3)
        kubectl('taint', 'node', names[0], 'kept=for-others:NoExecute')
        wait.until(lambda: rollout.places() == names[1:], 'it has left the node that is kept for others', SECONDS)
        kubectl('delete', 'daemonset', 'web', '-n', namespace)
        wait.until(lambda: not rollout.places(), 'they are gone', SECONDS)
    finally:
        for name in names:
            kubectl('delete', 'node', name, '--ignore-not-found')


def test_a_statefulset_in_order(server, kubectl, namespace):
    """Pods with names and claims; updates from the last to the first; claims that go with the set."""
    made = manifest('one', replicas=2, serviceName='web', volumeClaimTemplates=[
        {'metadata': {'name': 'data'}, 'spec': {'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}}}],
                    persistentVolumeClaimRetentionPolicy={'whenDeleted': 'Delete', 'whenScaled': 'Retain'})
    made['kind'] = 'StatefulSet'
    made['spec']['template']['spec']['terminationGracePeriodSeconds'] = 0
    rollout = Rollout(kubectl, server.api(), namespace, 'statefulset/web')

    def claims():
        return kubectl.json('get', 'pvc', '-n', namespace)['items']
    kubectl.apply(made, '-n', namespace)
    wait.until(lambda: rollout.names() == ['web-0', 'web-1'], 'both pods are there', SECONDS)
    rollout.there_and_back(2)
    kubectl('scale', 'statefulset/web', '--replicas=3', '-n', namespace)
    wait.until(lambda: rollout.names() == ['web-0', 'web-1', 'web-2'], 'a third comes', SECONDS)
    kubectl('scale', 'statefulset/web', '--replicas=1', '-n', namespace)
    wait.until(lambda: rollout.names() == ['web-0'], 'the last ones go', SECONDS)
    assert sorted(c['metadata']['name'] for c in claims()) == ['data-web-0', 'data-web-1', 'data-web-2']
    wait.until(lambda: claims()[0]['metadata'].get('ownerReferences'), 'the first claim is the set\'s', SECONDS)
    kubectl('delete', 'statefulset', 'web', '-n', namespace)
    wait.until(lambda: not rollout.names(), 'the pod goes with the set', SECONDS)
    wait.until(lambda: 'data-web-0' not in [c['metadata']['name'] for c in claims()], 'its claim too', SECONDS)
