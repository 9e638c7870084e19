"""The API server with real clients: a ConfigMap's life by kubectl and by plain HTTPS, watches, pages, conflicts, patches, errors."""
import base64
import json
import os
import stat

import pytest

from lib.cluster import Server

MAPS = '/api/v1/namespaces/default/configmaps'
FLAGS = ('--disable-scheduler', '--disable-controller-manager')


@pytest.fixture
def server(test_id):
    with Server(test_id, flags=FLAGS) as started:
        yield started


def make(api, name, **members):
    return api.create(MAPS, {'metadata': {'name': name}, **members})


def test_kubectl_life_of_a_configmap(server):
    kubectl = server.kubectl
    kubectl('create', 'configmap', 'a', '--from-literal=k=v')
    assert kubectl.json('get', 'configmap', 'a')['data'] == {'k': 'v'}
    assert kubectl('get', 'configmaps', '--no-headers').out.split()[:2] == ['a', '1']
    kubectl('label', 'configmap', 'a', 'x=y')
    kubectl('patch', 'configmap', 'a', '--type=merge', '-p', '{"data":{"k":null,"n":"1"}}')
    found = kubectl.json('get', 'configmap', 'a')
    assert found['data'] == {'n': '1'} and found['metadata']['labels'] == {'x': 'y'}
    kubectl.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'b'}, 'data': {'one': '1'}})
    kubectl.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'b'}, 'data': {'two': '2'}})
    assert kubectl.json('get', 'configmap', 'b')['data'] == {'two': '2'}
    kubectl('delete', 'configmap', 'a', 'b')  # waits, by a watch with sendInitialEvents
    assert '"a" not found' in kubectl.fails('get', 'configmap', 'a')


def test_data_survives_a_restart(server):
    made = make(server.api(), 'a', data={'k': 'v'})
    assert stat.S_IMODE(os.stat(server.kubeconfig).st_mode) == 0o600
    assert server.stop() == 0
    server.start()
    found = server.api().get(MAPS + '/a').json
    assert found == made


def test_watch(server):
    api = server.api()
    make(api, 'a')
    with api.watch(MAPS + '?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true') as watch:
        first = next(watch)
        assert first['type'] == 'ADDED' and first['object']['metadata']['name'] == 'a'
        end = next(watch)
        assert end['type'] == 'BOOKMARK'
        assert end['object']['metadata']['annotations'] == {'k8s.io/initial-events-end': 'true'}
        made = make(api, 'b')
        assert next(watch)['object'] == made
        api.delete(MAPS + '/a')
        gone = next(watch)
        assert gone['type'] == 'DELETED' and gone['object']['metadata']['name'] == 'a'
        assert int(gone['object']['metadata']['resourceVersion']) > int(made['metadata']['resourceVersion'])


def test_selected_watch_shows_entering_and_leaving(server):
    api = server.api()
    version = make(api, 'a')['metadata']['resourceVersion']
    with api.watch(MAPS + '?labelSelector=x%3Dy&resourceVersion=' + version) as watch:
        for label, kind in (('y', 'ADDED'), ('z', 'DELETED')):
            api.call('PATCH', MAPS + '/a', {'metadata': {'labels': {'x': label}}}, content_type='application/merge-patch+json')
            assert next(watch)['type'] == kind


def test_watch_as_table_keeps_what_was_asked_for(server):
    """The request has gone by then: its form and its selectors have not."""
    api = server.api()
    version = make(api, 'a')['metadata']['resourceVersion']
    table = {'Accept': 'application/json;as=Table;v=v1;g=meta.k8s.io'}
    query = '?fieldSelector=metadata.name%3Da&labelSelector=n+in+(0,1,2)&includeObject=None&resourceVersion=' + version
    with api.watch(MAPS + query, headers=table) as watch:
        make(api, 'b')
        for i in range(3):
            api.call('PATCH', MAPS + '/a', {'metadata': {'labels': {'n': str(i)}}}, content_type='application/merge-patch+json')
            event = next(watch)
            rows = event['object']['rows']
            assert event['type'] == ('MODIFIED' if i else 'ADDED') and event['object']['apiVersion'] == 'meta.k8s.io/v1'
            assert [(row['cells'][0], row['object']) for row in rows] == [('a', None)]
            assert bool(event['object']['columnDefinitions']) == (i == 0)


def test_pages_are_one_snapshot(server):
    api = server.api()
    for name in 'abcde':
        make(api, name)
    page = api.get(MAPS + '?limit=2').json
    names = [item['metadata']['name'] for item in page['items']]
    assert page['metadata']['remainingItemCount'] == 3
    api.delete(MAPS + '/e')
    while 'continue' in page['metadata']:
        page = api.get(MAPS + '?limit=2&continue=' + page['metadata']['continue']).json
        names += [item['metadata']['name'] for item in page['items']]
    assert names == list('abcde')


def test_a_list_goes_on_when_its_snapshot_is_gone(server):
    for name in 'abcde':
        make(server.api(), name)
    server.kill()
    server.start()
    api = server.api()
    # The counter has jumped: what lies in between was never a snapshot, as one that was forgotten.
    between = int(api.get(MAPS).json['metadata']['resourceVersion']) - 1000
    token = base64.urlsafe_b64encode(json.dumps({'v': 'meta.k8s.io/v1', 'rv': between, 'start': 'c\0'}).encode()).decode().rstrip('=')
    answer = api.get(MAPS + '?limit=2&continue=' + token)
    assert answer.status == 410 and answer.json['reason'] == 'Expired'
    assert answer.json['message'].startswith('The provided continue parameter is too old to display a consistent list result. You can')
    page = api.get(MAPS + '?limit=2&continue=' + answer.json['metadata']['continue']).json
    assert [item['metadata']['name'] for item in page['items']] == ['d', 'e']


def test_conflict(server):
    api = server.api()
    old = make(api, 'a', data={'n': '0'})
    assert api.call('PUT', MAPS + '/a', {**old, 'data': {'n': '1'}}).status == 200
    answer = api.call('PUT', MAPS + '/a', {**old, 'data': {'n': '2'}})
    assert answer.status == 409 and answer.json['reason'] == 'Conflict'
    # What changes nothing is not written.
    now = api.get(MAPS + '/a').json
    assert api.call('PUT', MAPS + '/a', now).json['metadata']['resourceVersion'] == now['metadata']['resourceVersion']


@pytest.mark.parametrize('kind,patch', [
    ('application/json-patch+json', [{'op': 'add', 'path': '/data/n', 'value': '1'}]),
    ('application/merge-patch+json', {'data': {'n': '1'}}),
    ('application/strategic-merge-patch+json', {'data': {'n': '1'}}),
])
def test_patches(server, kind, patch):
    api = server.api()
    make(api, 'a', data={'k': 'v'})
    answer = api.call('PATCH', MAPS + '/a', patch, content_type=kind)
    assert answer.status == 200 and answer.json['data'] == {'k': 'v', 'n': '1'}


def test_finalizer_holds_the_object(server):
    api = server.api()
    api.create(MAPS, {'metadata': {'name': 'a', 'finalizers': ['example.com/f']}})
    assert 'deletionTimestamp' in api.delete(MAPS + '/a').json['metadata']
    assert api.get(MAPS + '/a').status == 200
    api.call('PATCH', MAPS + '/a', {'metadata': {'finalizers': None}}, content_type='application/merge-patch+json')
    assert api.get(MAPS + '/a').status == 404


@pytest.mark.parametrize('verb,path,body,kind,status,message', [
    ('POST', MAPS, '{"kind":', 'application/json', 400, 'unexpected end of JSON input'),
    ('POST', MAPS, '{"metadata":{"name":5}}', 'application/json', 400, 'cannot unmarshal number into Go struct field'),
    ('POST', MAPS, '{"metadata":{"name":"A"}}', 'application/json', 422, 'a lowercase RFC 1123 subdomain'),
    ('POST', MAPS, 'x', 'text/plain', 415, 'accepted media types include'),
    ('POST', '/api/v1/namespaces/none/configmaps', '{"metadata":{"name":"a"}}', 'application/json', 404, 'namespaces "none" not found'),
    ('POST', MAPS + '?fieldValidation=Strict', '{"metadata":{"name":"a"},"foo":1}', 'application/json', 400, 'unknown field "foo"'),
    ('GET', MAPS + '/none', None, '', 404, 'configmaps "none" not found'),
    ('GET', MAPS + '?limit=x', None, '', 400, 'invalid syntax'),
    ('PUT', MAPS, '{}', 'application/json', 405, 'does not allow this method'),
    ('GET', '/api/v1/namespaces/default/foos', None, '', 404, 'could not find the requested resource'),
    ('DELETE', '/api/v1/namespaces/kube-system', None, '', 403, 'may not be deleted'),
])
def test_errors(server, verb, path, body, kind, status, message):
    answer = server.api().call(verb, path, body, content_type=kind)
    assert answer.status == status and answer.json['kind'] == 'Status' and answer.json['code'] == status
    assert message in answer.json['message']


def test_oversize_body_is_refused_and_nothing_breaks(server):
    api = server.api()
    body = {'metadata': {'name': 'a'}, 'data': {'k': 'x' * (4 << 20)}}
    answer = api.call('POST', MAPS, body)
    assert answer.status == 413 and answer.json['reason'] == 'RequestEntityTooLarge'
    make(api, 'b')


def test_pod_connections_name_what_is_wrong(server):
    api = server.api()
    pods = '/api/v1/namespaces/default/pods'
    server.kubectl('create', 'serviceaccount', 'default')
    for name, containers in (('one', 'a'), ('two', 'ab')):
        api.create(pods, {'metadata': {'name': name}, 'spec': {'containers': [{'name': c, 'image': 'x'} for c in containers]}})
    assert server.kubectl('logs', 'one').out == ''
    for path, status, message in (
            ('/none/log', 404, 'pods "none" not found'),
            ('/two/log', 400, 'a container name must be specified for pod two, choose one of: [a b]'),
            ('/two/log?container=c', 400, 'container c is not valid for pod two'),
            ('/one/exec?command=ls&stdout=true', 400, 'pod one does not have a host assigned'),
            ('/one/portforward?ports=80', 400, 'pod one does not have a host assigned')):
        answer = api.get(pods + path)
        assert (answer.status, answer.json['message']) == (status, message)


def test_strangers_are_turned_away(server):
    stranger = server.api(anonymous=True)
    answer = stranger.get(MAPS)
    assert answer.status == 403 and 'User "system:anonymous" cannot list resource "configmaps"' in answer.json['message']
    assert stranger.get('/readyz').body == b'ok'
    assert server.api(token='wrong').get(MAPS).status == 401


def test_port_in_use_is_one_clear_line(server, test_id):
    from lib import proc
    from lib.cluster import program
    other = test_id.folder('other')
    result = proc.run([program(), 'server', '--no-node', '--data-dir', other, '--bind-address', '127.0.0.1', '--secure-port',
                       str(server.port), *FLAGS], check=False, seconds=15)
    assert not result.ok and 'in use' in result.err and str(server.port) in result.err


def test_kubeconfig_command(server, test_id):
    from lib import api, proc
    from lib.cluster import program
    text = proc.run([program(), 'kubeconfig', '--data-dir', server.data, '--client-name', 'alice', '--org', 'dev', '--server',
                     server.url]).out
    path = os.path.join(test_id.folder('alice'), 'kubeconfig')
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text)
    answer = api.Api(path).get(MAPS)
    assert answer.status == 403 and 'User "alice" cannot list' in answer.json['message']
