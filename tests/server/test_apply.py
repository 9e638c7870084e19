"""Server-side apply: kubectl's, and what it does to owners of fields, conflicts, status, scale and rights."""
import json
import time

import pytest

from lib import wait
from lib.cluster import Server

APPLY = 'application/apply-patch+yaml'
LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'


def config_map(data, **metadata):
    return {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a', **metadata}, 'data': data}


def deployment(replicas=None, image='x'):
    spec = {'selector': {'matchLabels': {'app': 'a'}},
            'template': {'metadata': {'labels': {'app': 'a'}}, 'spec': {'containers': [{'name': 'c', 'image': image}]}}}
    if replicas is not None:
        spec['replicas'] = replicas
    return {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': 'd'}, 'spec': spec}


class Objects:
    """Configurations applied over plain HTTPS in one namespace."""

    def __init__(self, api, namespace):
        self.api = api
        self.maps = '/api/v1/namespaces/%s/configmaps/' % namespace
        self.deployments = '/apis/apps/v1/namespaces/%s/deployments/' % namespace

    def path(self, config):
        return (self.maps if config['kind'] == 'ConfigMap' else self.deployments) + config['metadata']['name']

    def send(self, config, manager, subresource='', query='', path=None):
        path = (path or self.path(config)) + subresource + '?fieldManager=' + manager + query
        return self.api.call('PATCH', path, config, content_type=APPLY)

    def apply(self, config, manager, **kwargs):
        answer = self.send(config, manager, **kwargs)
        assert answer.status in (200, 201), answer
        return answer.json


@pytest.fixture(scope='module')
def server(module_id):
    """Without controllers, which would own fields too."""
    with Server(module_id, flags=('--disable-scheduler', '--disable-controller-manager')) as made:
        yield made


@pytest.fixture
def objects(server, namespace):
    return Objects(server.api(), namespace)


def owners(found):
    """Who owns what: {(manager, operation, subresource): fields}."""
    return {(entry['manager'], entry['operation'], entry.get('subresource', '')): entry['fieldsV1']
            for entry in found['metadata'].get('managedFields', ())}


# --- kubectl

def test_kubectl_makes_changes_and_forgets(kubectl, namespace):
    server_side = ('--server-side', '-n', namespace)
    assert 'serverside-applied' in kubectl.apply(config_map({'k': '1', 'j': '1'}), *server_side).out
    kubectl.apply(config_map({'k': '2'}), *server_side)
    found = kubectl.json('get', 'configmap', 'a', '-n', namespace, '--show-managed-fields')
    assert found['data'] == {'k': '2'}
    assert owners(found) == {('kubectl', 'Apply', ''): {'f:data': {'f:k': {}}}}
    kubectl.apply(config_map({'k': '2'}), *server_side)
    again = kubectl.json('get', 'configmap', 'a', '-n', namespace, '--show-managed-fields')
    assert again == found
    text = kubectl('get', 'configmap', 'a', '-n', namespace, '-o', 'yaml', '--show-managed-fields').out
    assert 'f:data:\n        f:k: {}\n    manager: kubectl\n    operation: Apply\n' in text


def test_kubectl_is_told_of_conflicts(kubectl, namespace):
    where = ('-n', namespace)
    kubectl.apply(config_map({'k': '1'}), '--server-side', '--field-manager=mine', *where)
    refused = kubectl.apply(config_map({'k': '2'}), '--server-side', '--field-manager=other', *where, check=False)
    assert refused.status == 1
    assert 'Apply failed with 1 conflict: conflict with "mine": .data.k' in refused.err
    assert kubectl.json('get', 'configmap', 'a', *where)['data'] == {'k': '1'}
    kubectl.apply(config_map({'k': '2'}), '--server-side', '--field-manager=other', '--force-conflicts', *where)
    found = kubectl.json('get', 'configmap', 'a', *where, '--show-managed-fields')
    assert found['data'] == {'k': '2'}
    assert list(owners(found)) == [('other', 'Apply', '')]


def test_kubectl_moves_from_client_side_apply(kubectl, namespace):
    where = ('-n', namespace)
    kubectl.apply(config_map({'k': '1', 'gone': '1'}), *where)
    kubectl('patch', 'configmap', 'a', *where, '--type=merge', '-p', '{"data":{"by-hand":"1"}}', '--field-manager=hand')
    kubectl.apply(config_map({'k': '2'}), '--server-side', *where)
    found = kubectl.json('get', 'configmap', 'a', *where, '--show-managed-fields')
    assert found['data'] == {'k': '2', 'by-hand': '1'}
    assert ('kubectl', 'Apply', '') in owners(found)
    assert ('kubectl-client-side-apply', 'Update', '') not in owners(found)
    # Client-side apply could go on from here.
    last = json.loads(found['metadata']['annotations'][LAST_APPLIED])
    assert last['data'] == {'k': '2'}
    assert json.loads(kubectl('apply', 'view-last-applied', 'configmap', 'a', *where, '-o', 'json').out)['data'] == {'k': '2'}


def test_kubectl_shows_the_difference(kubectl, namespace):
    where = ('-n', namespace)
    kubectl.apply(config_map({'k': 'before'}), '--server-side', *where)
    same = kubectl('diff', '--server-side', '-f', '-', *where, stdin=json.dumps(config_map({'k': 'before'})))
    assert same.out == ''
    differs = kubectl('diff', '--server-side', '-f', '-', *where, stdin=json.dumps(config_map({'k': 'after'})), check=False)
    assert differs.status == 1
    assert '-  k: before\n' in differs.out and '+  k: after\n' in differs.out
    assert kubectl.json('get', 'configmap', 'a', *where)['data'] == {'k': 'before'}


# --- Owners

def test_the_annotation_of_client_side_apply_allows_kubectl_alone(objects):
    objects.api.create(objects.maps.rstrip('/') + '?fieldManager=kubectl-client-side-apply', config_map({'k': '1'}, annotations={
        LAST_APPLIED: json.dumps(config_map({'k': '1'}))}))
    assert objects.send(config_map({'k': '2'}), 'other').status == 409
    assert objects.apply(config_map({'k': '2'}), 'kubectl')['data'] == {'k': '2'}


def test_the_annotation_goes_when_it_would_be_too_long(objects):
    objects.api.create(objects.maps.rstrip('/') + '?fieldManager=kubectl-client-side-apply', config_map({'k': '1'}, annotations={
        LAST_APPLIED: json.dumps(config_map({'k': '1'}))}))
    assert LAST_APPLIED in objects.apply(config_map({'k': 'x' * 1000}), 'kubectl')['metadata']['annotations']
    assert 'annotations' not in objects.apply(config_map({'k': 'x' * 262144}), 'kubectl')['metadata']


def test_what_changed_since_is_a_conflict_for_kubectl_too(objects):
    objects.api.create(objects.maps.rstrip('/') + '?fieldManager=maker', config_map({'k': '1', 'l': '9'}, annotations={
        LAST_APPLIED: json.dumps(config_map({'k': '1', 'l': '1'}))}))
    refused = objects.send(config_map({'k': '2', 'l': '2'}), 'kubectl')
    assert refused.status == 409
    assert refused.json['message'] == 'Apply failed with 1 conflict: conflict with "maker" using v1: .data.l'


def test_several_conflicts_are_told_by_manager(objects):
    objects.apply(config_map({'a': '1', 'b': '1'}), 'y')
    objects.apply(config_map({'c': '1'}), 'x')
    refused = objects.send(config_map({'a': '2', 'b': '2', 'c': '2'}), 'z')
    assert refused.status == 409 and refused.json['reason'] == 'Conflict'
    assert refused.json['message'] == ('Apply failed with 3 conflicts: conflicts with "x":\n- .data.c\n'
                                       'conflicts with "y":\n- .data.a\n- .data.b')
    assert [(cause['reason'], cause['message'], cause['field']) for cause in refused.json['details']['causes']] == [
        ('FieldManagerConflict', 'conflict with "x"', '.data.c'), ('FieldManagerConflict', 'conflict with "y"', '.data.a'),
        ('FieldManagerConflict', 'conflict with "y"', '.data.b')]


def test_nobody_keeps_account_until_the_first_apply(objects):
    objects.apply(config_map({'k': '1'}), 'm')
    path = objects.maps + 'a'
    reset = objects.api.call('PATCH', path, {'metadata': {'managedFields': [{}]}}, content_type='application/merge-patch+json')
    assert 'managedFields' not in reset.json['metadata']
    changed = objects.api.call('PATCH', path, {'data': {'j': '1'}}, content_type='application/merge-patch+json')
    assert 'managedFields' not in changed.json['metadata']
    found = objects.apply(config_map({'l': '1'}), 'm')
    assert owners(found) == {('m', 'Apply', ''): {'f:data': {'f:l': {}}},
                             ('before-first-apply', 'Update', ''): {'f:data': {'.': {}, 'f:j': {}, 'f:k': {}}}}


def test_an_apply_that_changes_nothing_is_not_written(objects):
    first = objects.apply(config_map({'k': '1'}), 'm')
    assert objects.apply(config_map({'k': '1'}), 'm') == first
    # Another one's opinion is written down, but the same twice is not.
    second = objects.apply(config_map({'k': '1'}), 'n')
    assert second['metadata']['resourceVersion'] != first['metadata']['resourceVersion']
    assert objects.apply(config_map({'k': '1'}), 'n') == second


def test_a_null_that_changes_nothing_keeps_the_time(objects):
    config = deployment(1)
    config['spec']['template']['metadata']['creationTimestamp'] = None
    first, second = objects.apply(config, 'm'), int(time.time())
    wait.until(lambda: int(time.time()) > second, 'the next second')
    assert objects.apply(config, 'm') == first


def test_an_owner_in_another_version(objects, namespace):
    def autoscaler(version, **spec):
        return {'apiVersion': 'autoscaling/' + version, 'kind': 'HorizontalPodAutoscaler', 'metadata': {'name': 'h'},
                'spec': {'scaleTargetRef': {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'name': 'd'}, **spec}}

    path = '/apis/autoscaling/%s/namespaces/' + namespace + '/horizontalpodautoscalers/h'
    objects.apply(autoscaler('v1', maxReplicas=3, targetCPUUtilizationPercentage=50), 'one', path=path % 'v1')
    other = autoscaler('v2', maxReplicas=4)
    refused = objects.send(other, 'two', path=path % 'v2')
    assert refused.json['message'] == 'Apply failed with 1 conflict: conflict with "one": .spec.maxReplicas'
    found = objects.apply(other, 'two', path=path % 'v2', query='&force=true')
    assert found['spec']['metrics'][0]['resource']['target']['averageUtilization'] == 50
    # Each speaks of the fields of its own version.
    assert owners(found)['one', 'Apply', ''] == {'f:spec': {'f:scaleTargetRef': {}, 'f:targetCPUUtilizationPercentage': {}}}
    assert owners(found)['two', 'Apply', '']['f:spec']['f:maxReplicas'] == {}


def test_a_given_version_is_a_condition(objects):
    first = objects.apply(config_map({'k': '1'}), 'm')['metadata']['resourceVersion']
    objects.apply(config_map({'k': '2'}, resourceVersion=first), 'm')
    refused = objects.send(config_map({'k': '3'}, resourceVersion=first), 'm')
    assert refused.status == 409
    assert 'the object has been modified' in refused.json['message']


def test_a_uid_wants_an_object(objects):
    uid = '00000000-0000-0000-0000-000000000000'
    refused = objects.send(config_map({'k': '1'}, uid=uid), 'm')
    assert refused.status == 409
    assert refused.json['message'].endswith(
        'uid mismatch: the provided object specified uid %s, and no existing object was found' % uid)


@pytest.mark.parametrize('validation, status', [('Strict', 400), ('Warn', 201), ('Ignore', 201)])
def test_repeated_keys(objects, validation, status):
    text = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: "1"\n  k: "2"\n'
    answer = objects.api.call('PATCH', objects.maps + 'a?fieldManager=m&fieldValidation=' + validation, text, content_type=APPLY)
    assert answer.status == status
    if validation == 'Strict':
        assert answer.json['message'] == ('error strict decoding YAML: error converting YAML to JSON: '
                                          'yaml: unmarshal errors:\n  line 7: key "k" already set in map')
    assert bool(answer.headers.get_all('Warning')) == (validation == 'Warn')


@pytest.mark.parametrize('config, status, message', [
    ({'kind': 'Deployment'}, 400, 'invalid object type: /, Kind=Deployment'),
    ([], 400, 'error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into '
              'Go value of type map[string]interface {}'),
    ({**deployment(), 'spec': {'replicas': 'x', 'paused': 1}}, 500,
     'failed to create typed patch object (/d; apps/v1, Kind=Deployment): errors:\n'
     '  .spec.replicas: expected numeric (int or float), got string\n  .spec.paused: expected boolean, got &{1}'),
    ({**deployment(), 'spec': {'template': {'spec': {'containers': [{'image': 'x'}]}}}}, 500,
     'failed to create typed patch object (/d; apps/v1, Kind=Deployment): .spec.template.spec.containers: element 0: '
     'associative list with keys has an element that omits all key fields ["name"] (and doesn\'t have default values for any '
     'key fields)'),
])
def test_configurations_that_are_none(objects, config, status, message):
    refused = objects.send(config, 'm', path=objects.deployments + 'd')
    assert (refused.status, refused.json['message']) == (status, message)


def test_cbor_is_not_spoken(objects):
    refused = objects.api.call('PATCH', objects.maps + 'a?fieldManager=m', 'x', content_type='application/apply-patch+cbor')
    assert refused.status == 415


def test_an_object_too_large_for_its_managed_fields(objects):
    # Short values under long names: the account of the fields is as large as the object.
    keys = {('k%07d' % i) + 'x' * 200: '' for i in range(4500)}
    made = objects.api.create(objects.maps.rstrip('/'), config_map(keys))
    assert 'managedFields' not in made['metadata'] and len(made['data']) == len(keys)
    refused = objects.send({**config_map(keys), 'metadata': {'name': 'b'}}, 'm')
    assert refused.json['message'] == 'etcdserver: request is too large'


# --- Subresources

def test_status_belongs_to_those_who_apply_it_there(objects):
    objects.apply({**deployment(1), 'status': {'replicas': 7}}, 'm')
    found = objects.apply({**deployment(9), 'status': {'replicas': 3}}, 'st', subresource='/status')
    assert (found['spec']['replicas'], found['status']['replicas']) == (1, 3)
    assert 'f:status' not in owners(found)['m', 'Apply', '']
    assert owners(found)['st', 'Apply', 'status'] == {'f:status': {'f:replicas': {}}}
    absent = objects.send({**deployment(), 'metadata': {'name': 'e'}}, 'st', subresource='/status')
    assert absent.status == 404


def test_scale_takes_the_number_over(objects):
    scale = {'apiVersion': 'autoscaling/v1', 'kind': 'Scale', 'metadata': {'name': 'd'}, 'spec': {'replicas': 4}}
    path = objects.deployments + 'd'
    objects.apply(deployment(1), 'm')
    refused = objects.send(scale, 'sc', path=path, subresource='/scale')
    assert refused.json['message'] == 'Apply failed with 1 conflict: conflict with "m": .spec.replicas'
    assert objects.apply(scale, 'sc', path=path, subresource='/scale', query='&force=true')['spec']['replicas'] == 4
    found = objects.api.get(path).json
    assert owners(found)['sc', 'Apply', 'scale'] == {'f:spec': {'f:replicas': {}}}
    assert 'f:replicas' not in owners(found)['m', 'Apply', '']['f:spec']
    # Who leaves the number out has no opinion; who names it has a conflict.
    assert objects.apply(deployment(image='y'), 'm')['spec']['replicas'] == 4
    refused = objects.send(deployment(1), 'm')
    assert refused.json['message'] == ('Apply failed with 1 conflict: conflict with "sc" with subresource "scale": '
                                       '.spec.replicas')


def test_a_number_everybody_forgets_is_the_default(objects):
    objects.apply(deployment(3), 'm')
    assert objects.apply(deployment(), 'm')['spec']['replicas'] == 1


# --- Rights

def test_making_by_apply_needs_the_right_to_create(server, kubectl, namespace, test_id):
    who = 'applier-' + test_id.word
    kubectl('create', 'role', 'patcher', '--verb=patch,get', '--resource=configmaps', '-n', namespace)
    kubectl('create', 'rolebinding', 'patcher', '--role=patcher', '--user=' + who, '-n', namespace)
    objects = Objects(server.api(), namespace)
    path, headers = objects.maps + 'a?fieldManager=m', {'Impersonate-User': who}
    refused = objects.api.call('PATCH', path, config_map({'k': '1'}), content_type=APPLY, headers=headers)
    assert refused.status == 403
    assert 'cannot create resource "configmaps"' in refused.json['message']
    objects.apply(config_map({'k': '1'}), 'other')
    assert objects.api.call('PATCH', path, config_map({'j': '1'}), content_type=APPLY, headers=headers).status == 200
