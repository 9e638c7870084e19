"""The garbage collector on kinds of which nobody else holds whole objects: owners, dependents, and a server that began anew."""
import pytest

from lib import wait
from lib.cluster import Server

SECONDS = 30


def collection(namespace, plural='secrets'):
    return '/api/v1/namespaces/%s/%s' % (namespace, plural)


def make_family(api, namespace, owner='owner', blocks=False, finalizers=()):
    """A ConfigMap that owns a Secret, with enough beside the metadata to tell one from the other."""
    uid = api.create(collection(namespace, 'configmaps'), {'metadata': {'name': owner}, 'data': {'k': 'x' * 1000}})['metadata']['uid']
    reference = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': owner, 'uid': uid, 'blockOwnerDeletion': blocks}
    api.create(collection(namespace), {'metadata': {'name': owner + '-child', 'ownerReferences': [reference], 'finalizers': list(finalizers)},
                                       'stringData': {'k': 'y' * 1000}})


def delete_owner(api, namespace, policy, owner='owner'):
    answer = api.call('DELETE', collection(namespace, 'configmaps') + '/' + owner, {'propagationPolicy': policy})
    assert answer.status in (200, 202), answer


def wait_gone(api, path, what):
    wait.until(lambda: api.get(path).status == 404, what, SECONDS)


def remove_finalizers(api, path):
    answer = api.call('PATCH', path, {'metadata': {'finalizers': None}}, content_type='application/merge-patch+json')
    assert answer.status == 200, answer


def test_dependents_follow_their_owner(server, namespace):
    api = server.api()
    make_family(api, namespace)
    delete_owner(api, namespace, 'Background')
    wait_gone(api, collection(namespace) + '/owner-child', 'the dependent has gone')


def test_an_owner_waits_for_those_that_block_it(server, namespace):
    api = server.api()
    make_family(api, namespace, blocks=True, finalizers=['example.com/wait'])
    child, owner = collection(namespace) + '/owner-child', collection(namespace, 'configmaps') + '/owner'
    delete_owner(api, namespace, 'Foreground')
    wait.until(lambda: api.get(child).json['metadata'].get('deletionTimestamp'), 'the dependent is going', SECONDS)
    assert api.get(owner).json['metadata']['finalizers'] == ['foregroundDeletion']
    remove_finalizers(api, child)
    wait_gone(api, child, 'the dependent has gone')
    wait_gone(api, owner, 'so has its owner')


def test_orphans_lose_their_owner_alone(server, namespace):
    api = server.api()
    make_family(api, namespace)
    delete_owner(api, namespace, 'Orphan')
    wait_gone(api, collection(namespace, 'configmaps') + '/owner', 'the owner has gone')
    child = api.get(collection(namespace) + '/owner-child').json
    assert 'ownerReferences' not in child['metadata'] and child['data'], child


@pytest.mark.parametrize('policy', ['Background', 'Foreground'])
def test_after_a_restart(test_id, policy):
    """The store then carries no decoded objects: metadata is read from its bytes."""
    with Server(test_id) as server:
        make_family(server.api(), 'default', blocks=True)
        make_family(server.api(), 'default', owner='other')
        server.stop()
        server.start()
        api = server.api()
        delete_owner(api, 'default', policy)
        wait_gone(api, collection('default') + '/owner-child', 'the dependent has gone')
        wait_gone(api, collection('default', 'configmaps') + '/owner', 'so has its owner')
        assert api.get(collection('default') + '/other-child').status == 200


def test_an_owner_that_went_while_the_server_was_down(test_id):
    with Server(test_id, flags=['--disable-controller-manager']) as server:
        make_family(server.api(), 'default')
        delete_owner(server.api(), 'default', 'Background')
        server.stop()
    with Server(test_id, data=server.data) as server:
        wait_gone(server.api(), collection('default') + '/owner-child', 'the dependent has gone')


def test_a_watch_of_metadata_alone(server, namespace):
    api = server.api()
    make_family(api, namespace)
    accept = {'Accept': 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'}
    with api.watch(collection(namespace) + '?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
                   headers=accept, seconds=SECONDS) as watch:
        shown = watch.until(lambda e: e['type'] == 'ADDED', 'the Secret is shown')['object']
        assert shown['kind'] == 'PartialObjectMetadata' and shown['metadata']['ownerReferences'] and 'data' not in shown, shown
