"""Namespaces that are deleted: what is in them goes first, and they say what keeps them."""
import concurrent.futures

from lib import wait
from lib.cluster import Server

SECONDS = 30


def conditions(api, name):
    status = api.get('/api/v1/namespaces/' + name).json['status']
    return {c['type']: (c['status'], c['reason']) for c in status.get('conditions', [])}


def make(api, name, **metadata):
    api.create('/api/v1/namespaces', {'metadata': {'name': name}})
    api.create('/api/v1/namespaces/%s/configmaps' % name, {'metadata': {'name': 'kept', **metadata}})


def gone(api, path):
    return api.get(path).status == 404


def test_an_empty_one_goes(server, test_id):
    api, name = server.api(), 'gone-' + test_id.word
    make(api, name)
    with api.watch('/api/v1/namespaces?fieldSelector=metadata.name=' + name, seconds=SECONDS) as watch:
        api.delete('/api/v1/namespaces/' + name)
        told = watch.until(lambda e: e['object']['status'].get('conditions'), 'its conditions are told')
        assert {c['status'] for c in told['object']['status']['conditions']} == {'False'}, told
        watch.until(lambda e: e['type'] == 'DELETED', 'it is gone')


def test_a_finalizer_keeps_it_and_is_told(server, test_id):
    api, name = server.api(), 'kept-' + test_id.word
    path = '/api/v1/namespaces/%s/configmaps/kept' % name
    make(api, name, finalizers=['example.com/wait'])
    api.delete('/api/v1/namespaces/' + name)
    wait.until(lambda: conditions(api, name).get('NamespaceFinalizersRemaining') == ('True', 'SomeFinalizersRemain'),
               'what keeps it is told', SECONDS)
    found = conditions(api, name)
    assert found['NamespaceContentRemaining'] == ('True', 'SomeResourcesRemain')
    assert found['NamespaceDeletionContentFailure'] == ('False', 'ContentDeleted')
    assert api.call('PATCH', path, {'metadata': {'finalizers': None}}, content_type='application/merge-patch+json').status == 200
    wait.until(lambda: gone(api, '/api/v1/namespaces/' + name), 'it is gone', SECONDS)


def test_pods_go_first(server, test_id):
    api, name = server.api(), 'pods-' + test_id.word
    pod = '/api/v1/namespaces/%s/pods/one' % name
    make(api, name)
    api.create('/api/v1/namespaces/%s/pods' % name,
               {'metadata': {'name': 'one', 'finalizers': ['example.com/wait']},
                'spec': {'schedulerName': 'nobody', 'containers': [{'name': 'c', 'image': 'none'}]}})
    api.delete('/api/v1/namespaces/' + name)
    wait.until(lambda: conditions(api, name), 'its conditions are told', SECONDS)
    assert 'deletionTimestamp' in api.get(pod).json['metadata']
    assert api.get('/api/v1/namespaces/%s/configmaps/kept' % name).status == 200
    assert api.call('PATCH', pod, {'metadata': {'finalizers': None}}, content_type='application/merge-patch+json').status == 200
    wait.until(lambda: gone(api, '/api/v1/namespaces/' + name), 'it is gone', SECONDS)


def test_a_pod_waits_for_the_default_account(test_id):
    """Without controllers nobody makes it but the test."""
    pod = {'metadata': {'name': 'one'}, 'spec': {'containers': [{'name': 'c', 'image': 'none'}]}}
    with Server(test_id, flags=('--disable-scheduler', '--disable-controller-manager')) as server:
        api = server.api()
        api.create('/api/v1/namespaces', {'metadata': {'name': 'late'}})
        refused = api.call('POST', '/api/v1/namespaces/late/pods', pod)
        assert refused.status == 403 and 'serviceaccount "default" not found' in refused.json['message'], refused
        # Whether the account comes before the pod, while it waits or too late is for the machine to say: tried until it is in time.
        for i in range(20):
            name = 'late-%d' % i
            api.create('/api/v1/namespaces', {'metadata': {'name': name}})
            with concurrent.futures.ThreadPoolExecutor() as pool:
                made = pool.submit(api.call, 'POST', '/api/v1/namespaces/%s/pods' % name, pod)
                api.create('/api/v1/namespaces/%s/serviceaccounts' % name, {'metadata': {'name': 'default'}})
                if made.result().status == 201:
                    return
    raise AssertionError('never in time')
