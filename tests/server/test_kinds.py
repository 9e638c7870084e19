"""What single kinds do that is theirs alone: warnings, protection of storage, conversion between versions."""
import pytest

from lib import wait

POD = {'containers': [{'name': 'c', 'image': 'i'}]}


def warnings(answer):
    return [text.split('"', 1)[1][:-1].replace('\\"', '"') for text in answer.headers.get_all('Warning') or []]


def claim(name, **metadata):
    return {'apiVersion': 'v1', 'kind': 'PersistentVolumeClaim', 'metadata': {'name': name, **metadata},
            'spec': {'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}}}


def gone(api, path, seconds=20):
    wait.until(lambda: api.get(path).status == 404, path + ' is gone', seconds)


def test_a_claim_stays_while_a_pod_on_a_node_uses_it(server, namespace):
    api, path = server.api(), '/api/v1/namespaces/%s/' % namespace
    made = api.create(path + 'persistentvolumeclaims', claim('c'))
    assert made['metadata']['finalizers'] == ['kubernetes.io/pvc-protection']
    pod = {'metadata': {'name': 'p'}, 'spec': {
        **POD, 'nodeName': 'none', 'volumes': [{'name': 'v', 'persistentVolumeClaim': {'claimName': 'c'}}]}}
    api.create(path + 'pods', pod)
    assert api.call('DELETE', path + 'persistentvolumeclaims/c').status == 200
    found = api.get(path + 'persistentvolumeclaims/c')
    assert found.status == 200 and found.json['metadata']['deletionTimestamp']
    assert api.call('DELETE', path + 'pods/p?gracePeriodSeconds=0').status == 200
    gone(api, path + 'persistentvolumeclaims/c')


def test_an_unused_volume_and_class_go_at_once(server, test_id):
    api, name = server.api(), 'v-' + test_id.word
    api.create('/api/v1/persistentvolumes', {'metadata': {'name': name}, 'spec': {
        'capacity': {'storage': '1Gi'}, 'accessModes': ['ReadWriteOnce'], 'hostPath': {'path': '/x'}}})
    api.create('/apis/storage.k8s.io/v1/volumeattributesclasses', {
        'metadata': {'name': name}, 'driverName': 'd.example.com', 'parameters': {'a': 'b'}})
    for path in '/api/v1/persistentvolumes/', '/apis/storage.k8s.io/v1/volumeattributesclasses/':
        assert api.call('DELETE', path + name).status == 200
        gone(api, path + name)


@pytest.mark.parametrize('spec, text', [
    ({'containers': [{'name': 'c', 'image': 'i', 'env': [{'name': 'A', 'value': '1'}, {'name': 'A', 'value': '2'}]}]},
     'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply'),
    ({'containers': [{'name': 'c', 'image': 'i', 'ports': [{'containerPort': 1}, {'containerPort': 1, 'hostPort': 2}]}]},
     'spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]'),
    ({**POD, 'nodeSelector': {'beta.kubernetes.io/os': 'linux'}},
     'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'),
    ({**POD, 'imagePullSecrets': [{'name': 's'}, {'name': 's'}]}, 'spec.imagePullSecrets[1].name: duplicate name "s"'),
    ({**POD, 'volumes': [{'name': 'v', 'gitRepo': {'repository': 'r'}}]},
     'spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+'),
    ({**POD, 'topologySpreadConstraints': [{'maxSkew': 1, 'topologyKey': 'k', 'whenUnsatisfiable': 'DoNotSchedule'}]},
     'spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod'),
])
def test_a_pod_is_warned_of(server, namespace, spec, text):
    answer = server.api().call('POST', '/api/v1/namespaces/%s/pods?dryRun=All' % namespace, {'metadata': {'name': 'p'}, 'spec': spec})
    assert answer.status == 201 and warnings(answer) == [text]


def test_a_template_is_warned_of_only_when_it_changes(server, namespace):
    api, path = server.api(), '/apis/apps/v1/namespaces/%s/deployments' % namespace
    template = {'metadata': {'labels': {'a': 'b'}}, 'spec': {**POD, 'terminationGracePeriodSeconds': 1,
                                                             'nodeSelector': {'beta.kubernetes.io/arch': 'x'}}}
    answer = api.call('POST', path, {'metadata': {'name': 'a.b'}, 'spec': {
        'replicas': 0, 'selector': {'matchLabels': {'a': 'b'}}, 'template': template}})
    assert answer.status == 201 and len(warnings(answer)) == 2 and 'a DNS label is recommended' in warnings(answer)[0]
    merge = 'application/merge-patch+json'
    answer = api.call('PATCH', path + '/a.b', {'metadata': {'labels': {'x': 'y'}}}, merge)
    assert answer.status == 200 and not warnings(answer)
    answer = api.call('PATCH', path + '/a.b', {'spec': {'paused': True}}, merge)
    assert answer.status == 200 and len(warnings(answer)) == 1


def test_a_deprecated_type_is_told_in_every_answer(server, namespace):
    path = '/api/v1/namespaces/%s/endpoints' % namespace
    for verb, where, status in ('GET', path, 200), ('GET', path + '/none', 404), ('DELETE', path + '/none', 404):
        answer = server.api().call(verb, where)
        assert answer.status == status
        assert warnings(answer) == ['v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice']


def test_the_newest_default_class_is_filled_in(server, namespace, test_id):
    api, name = server.api(), 'c-' + test_id.word
    api.create('/apis/storage.k8s.io/v1/storageclasses', {
        'metadata': {'name': name, 'annotations': {'storageclass.kubernetes.io/is-default-class': 'true'}}, 'provisioner': 'x'})
    api.create('/apis/networking.k8s.io/v1/ingressclasses', {
        'metadata': {'name': name, 'annotations': {'ingressclass.kubernetes.io/is-default-class': 'true'}}, 'spec': {'controller': 'x/y'}})
    claims = '/api/v1/namespaces/%s/persistentvolumeclaims' % namespace
    ingresses = '/apis/networking.k8s.io/v1/namespaces/%s/ingresses' % namespace
    backend = {'defaultBackend': {'service': {'name': 's', 'port': {'number': 80}}}}
    try:
        assert api.create(claims, claim('a'))['spec']['storageClassName'] == name
        other = claim('b')
        other['spec']['storageClassName'] = ''
        assert api.create(claims, other)['spec']['storageClassName'] == ''
        assert api.create(ingresses, {'metadata': {'name': 'a'}, 'spec': backend})['spec']['ingressClassName'] == name
        made = api.create(ingresses, {'metadata': {'name': 'b', 'annotations': {'kubernetes.io/ingress.class': 'old'}}, 'spec': backend})
        assert 'ingressClassName' not in made['spec']
    finally:
        api.call('DELETE', '/apis/storage.k8s.io/v1/storageclasses/' + name)
        api.call('DELETE', '/apis/networking.k8s.io/v1/ingressclasses/' + name)


def test_one_autoscaler_in_two_versions(server, namespace):
    api = server.api()
    first, second = ('/apis/autoscaling/%s/namespaces/%s/horizontalpodautoscalers' % (v, namespace) for v in ('v1', 'v2'))
    api.create(first, {'metadata': {'name': 'a'}, 'spec': {
        'maxReplicas': 3, 'targetCPUUtilizationPercentage': 60, 'scaleTargetRef': {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'name': 'd'}}})
    spec = api.get(second + '/a').json['spec']
    assert [metric['resource']['target']['averageUtilization'] for metric in spec['metrics']] == [60]
    memory = {'type': 'Resource', 'resource': {'name': 'memory', 'target': {'type': 'AverageValue', 'averageValue': '1Gi'}}}
    answer = api.call('PATCH', second + '/a', {'spec': {'metrics': spec['metrics'] + [memory]}}, 'application/merge-patch+json')
    assert answer.status == 200
    found = api.get(first + '/a').json
    assert found['spec']['targetCPUUtilizationPercentage'] == 60
    assert 'autoscaling.alpha.kubernetes.io/metrics' in found['metadata']['annotations']
    answer = api.call('PATCH', first + '/a', {'spec': {'maxReplicas': 5}}, 'application/merge-patch+json')
    assert answer.status == 200
    spec = api.get(second + '/a').json['spec']
    assert spec['maxReplicas'] == 5 and {metric['resource']['name'] for metric in spec['metrics']} == {'cpu', 'memory'}


def test_an_event_of_either_group_is_one(server, namespace):
    api = server.api()
    core, events = '/api/v1/namespaces/%s/events' % namespace, '/apis/events.k8s.io/v1/namespaces/%s/events' % namespace
    api.create(core, {'metadata': {'name': 'e'}, 'involvedObject': {'namespace': namespace, 'name': 'p'}, 'reason': 'R', 'message': 'm',
                      'type': 'Normal', 'count': 2})
    found = api.get(events + '/e').json
    assert found['regarding']['name'] == 'p' and found['note'] == 'm' and found['deprecatedCount'] == 2
    found = api.get(events + '?fieldSelector=regarding.name%3Dp').json
    assert [item['metadata']['name'] for item in found['items']] == ['e']
    assert api.get(events + '?fieldSelector=involvedObject.name%3Dp').status == 400
    with api.watch(events + '?resourceVersion=0&fieldSelector=regarding.name%3Dp') as watch:
        assert next(watch)['object']['note'] == 'm'


def test_a_shortened_grace_ends_before_the_pod_goes(server, namespace):
    api, path = server.api(), '/api/v1/namespaces/%s/pods' % namespace
    made = api.create(path, {'metadata': {'name': 'p'}, 'spec': {**POD, 'nodeName': 'none'}})
    with api.watch(path + '?resourceVersion=' + made['metadata']['resourceVersion']) as watch:
        for grace in 30, 0:
            assert api.call('DELETE', path + '/p?gracePeriodSeconds=%d' % grace).status == 200
        seen = [next(watch) for _ in range(3)]
    assert [event['type'] for event in seen] == ['MODIFIED', 'MODIFIED', 'DELETED']
    assert [event['object']['metadata']['deletionGracePeriodSeconds'] for event in seen] == [30, 0, 0]


def test_a_limit_range_bounds_init_containers_and_resizing(server, namespace):
    api, path = server.api(), '/api/v1/namespaces/%s/' % namespace
    api.create(path + 'limitranges', {'metadata': {'name': 'l'}, 'spec': {'limits': [
        {'type': 'Container', 'default': {'cpu': '500m'}, 'max': {'cpu': '1'}, 'min': {'cpu': '100m'}}]}})
    greedy = {'name': 'i', 'image': 'i', 'resources': {'limits': {'cpu': '2'}}}
    answer = api.call('POST', path + 'pods', {'metadata': {'name': 'p'}, 'spec': {**POD, 'initContainers': [greedy]}})
    assert answer.status == 403 and 'maximum cpu usage per Container is 1, but limit is 2' in answer.json['message']
    made = api.create(path + 'pods', {'metadata': {'name': 'p'}, 'spec': POD})
    assert made['spec']['containers'][0]['resources'] == {'limits': {'cpu': '500m'}, 'requests': {'cpu': '500m'}}
    patch = {'spec': {'containers': [{'name': 'c', 'resources': {'limits': {'cpu': '3'}}}]}}
    answer = api.call('PATCH', path + 'pods/p/resize', patch, 'application/strategic-merge-patch+json')
    assert answer.status == 403 and 'but limit is 3' in answer.json['message']


def evict(api, path, **options):
    body = {'apiVersion': 'policy/v1', 'kind': 'Eviction', 'metadata': {'name': 'p'}, 'deleteOptions': options}
    return api.call('POST', path + '/eviction', body)


def test_an_evicted_pod_says_why_it_goes(server, namespace):
    api, path = server.api(), '/api/v1/namespaces/%s/pods/p' % namespace
    pod = api.create(path[:-2], {'metadata': {'name': 'p'}, 'spec': {**POD, 'nodeName': 'none'}})
    stale = str(int(pod['metadata']['resourceVersion']) - 1)
    for options in {'preconditions': {'uid': 'another'}}, {'preconditions': {'resourceVersion': stale}}, {'dryRun': ['All']}:
        evict(api, path, **options)
        found = api.get(path).json
        assert 'deletionTimestamp' not in found['metadata'] and found['metadata']['resourceVersion'] == pod['metadata']['resourceVersion']
    version = pod['metadata']['resourceVersion']
    assert evict(api, path, preconditions={'uid': pod['metadata']['uid'], 'resourceVersion': version}).status == 201
    found = api.get(path).json
    condition = next(c for c in found['status']['conditions'] if c['type'] == 'DisruptionTarget')
    assert condition['status'] == 'True' and condition['reason'] == 'EvictionByEvictionAPI'
    assert condition['message'] == 'Eviction API: evicting'
    assert found['metadata']['deletionTimestamp']
