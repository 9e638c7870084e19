"""Deployments and ReplicaSets with a real API and no node: the test says how their pods are."""
import json

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
