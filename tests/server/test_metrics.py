"""/metrics under upstream's names: each request counted once, with labels a client cannot make up, for those who may look."""
import threading

import pytest

from lib import wait
from lib.metrics import parse

RBAC = '/apis/rbac.authorization.k8s.io/v1'
APPLY = 'application/apply-patch+yaml'
MERGE = 'application/merge-patch+json'
BIG = 4 * 1024 * 1024
# No component of the server reads or writes these.
TEMPLATE = {'metadata': {'name': 'one'}, 'template': {'spec': {'containers': [{'name': 'c', 'image': 'x'}]}}}
APPLIED = {'apiVersion': 'v1', 'kind': 'PodTemplate', **TEMPLATE}


def scrape(api, **kwargs):
    answer = api.get('/metrics', **kwargs)
    assert answer.status == 200, answer
    return parse(answer.body)


def templates(**labels):
    return {'component': 'apiserver', 'group': '', 'version': 'v1', 'resource': 'podtemplates', 'subresource': '', **labels}


def as_user(name, *groups):
    return {'Impersonate-User': name, **({'Impersonate-Group': groups[0]} if groups else {})}


def test_the_text_is_what_prometheus_reads(server):
    answer = server.api().get('/metrics')
    assert answer.headers['Content-Type'] == 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores'
    found = parse(answer.body)
    assert {name: found[name].kind for name in (
        'apiserver_request_total', 'apiserver_request_duration_seconds', 'apiserver_response_sizes',
        'apiserver_current_inflight_requests', 'apiserver_longrunning_requests', 'apiserver_storage_objects',
        'apiserver_admission_controller_admission_duration_seconds', 'apiserver_admission_step_admission_duration_seconds',
        'authentication_attempts', 'authorization_attempts_total', 'etcd_request_duration_seconds', 'kubernetes_build_info',
        'process_cpu_seconds_total', 'process_resident_memory_bytes')} == {
            'apiserver_request_total': 'counter', 'apiserver_request_duration_seconds': 'histogram',
            'apiserver_response_sizes': 'histogram', 'apiserver_current_inflight_requests': 'gauge',
            'apiserver_longrunning_requests': 'gauge', 'apiserver_storage_objects': 'gauge',
            'apiserver_admission_controller_admission_duration_seconds': 'histogram',
            'apiserver_admission_step_admission_duration_seconds': 'histogram', 'authentication_attempts': 'counter',
            'authorization_attempts_total': 'counter', 'etcd_request_duration_seconds': 'histogram', 'kubernetes_build_info': 'gauge',
            'process_cpu_seconds_total': 'counter', 'process_resident_memory_bytes': 'gauge'}
    assert found.total('kubernetes_build_info', major='1', minor='36') == 1
    assert found.total('process_open_fds') > 3 and found.total('process_cpu_seconds_total') > 0
    assert found.total('apiserver_current_inflight_requests', request_kind='readOnly') >= 1


def test_each_request_counts_once(server, namespace):
    api, base = server.api(), '/api/v1/namespaces/%s/podtemplates' % namespace
    cases = [
        ('POST', '', {'body': TEMPLATE}, {'verb': 'POST', 'scope': 'resource'}),
        ('POST', '', {'body': TEMPLATE}, {'verb': 'POST', 'scope': 'resource'}),
        ('POST', '', {'body': '{'}, {'verb': 'POST', 'scope': 'resource'}),
        ('POST', '?dryRun=All', {'body': {**TEMPLATE, 'metadata': {'name': 'two'}}}, {'verb': 'POST', 'scope': 'resource', 'dry_run': 'All'}),
        ('POST', '?dryRun=no', {'body': TEMPLATE}, {'verb': 'POST', 'scope': 'resource', 'dry_run': 'invalid'}),
        ('GET', '/one', {}, {'verb': 'GET', 'scope': 'resource'}),
        ('HEAD', '/one', {}, {'verb': 'GET', 'scope': 'resource'}),
        ('GET', '/none', {}, {'verb': 'GET', 'scope': 'resource'}),
        ('GET', '', {}, {'verb': 'LIST', 'scope': 'namespace'}),
        ('GET', '?fieldSelector=metadata.name%3Done', {}, {'verb': 'LIST', 'scope': 'namespace'}),
        ('GET', '?limit=x', {}, {'verb': 'LIST', 'scope': 'namespace'}),
        ('PUT', '/one', {'body': TEMPLATE}, {'verb': 'PUT', 'scope': 'resource'}),
        ('PATCH', '/one', {'body': {'metadata': {'labels': {'a': 'b'}}}, 'content_type': MERGE}, {'verb': 'PATCH', 'scope': 'resource'}),
        ('PATCH', '/one?fieldManager=me', {'body': APPLIED, 'content_type': APPLY}, {'verb': 'APPLY', 'scope': 'resource'}),
        ('PUT', '', {'body': TEMPLATE}, {'verb': 'PUT', 'scope': 'namespace'}),
        ('OPTIONS', '/one', {}, {'verb': 'other', 'scope': 'resource'}),
        ('GET', '/one', {'headers': as_user('nobody')}, {'verb': 'GET', 'scope': 'resource'}),
        ('GET', '/one', {'headers': {'Authorization': 'Bearer bad'}}, {'verb': 'GET', 'scope': 'resource'}),
        ('DELETE', '/one', {}, {'verb': 'DELETE', 'scope': 'resource'}),
        ('DELETE', '', {}, {'verb': 'DELETE', 'scope': 'namespace'}),
    ]
    bare = server.api(anonymous=True)
    before = scrape(api)
    expected = {}
    for method, path, kwargs, labels in cases:
        answer = (bare if 'Authorization' in kwargs.get('headers', {}) else api).call(method, base + path, **kwargs)
        key = tuple(sorted({'dry_run': '', **templates(), **labels, 'code': str(answer.status)}.items()))
        expected[key] = expected.get(key, 0) + 1
    assert {dict(key)['code'] for key in expected} >= {'200', '201', '400', '401', '403', '404', '405', '409'}
    after = scrape(api)
    assert {key: after.total('apiserver_request_total', **dict(key)) - before.total('apiserver_request_total', **dict(key))
            for key in expected} == expected

    def grew(sample, **labels):
        return after.total(sample, **labels) - before.total(sample, **labels)
    assert grew('apiserver_request_total', resource='podtemplates') == len(cases)
    assert grew('apiserver_request_duration_seconds_count', resource='podtemplates') == len(cases)
    assert grew('apiserver_response_sizes_count', verb='LIST', **templates()) == 3
    assert grew('authentication_attempts', result='error') == 1
    assert grew('etcd_requests_total', resource='podtemplates', operation='create') >= 2
    assert grew('etcd_request_errors_total', resource='podtemplates', operation='create') <= 1
    assert grew('apiserver_request_total', subresource='/metrics') == 1


def test_what_is_no_resource(server):
    api = server.api()
    before = scrape(api)
    for path, status in (('/healthz', 200), ('/livez/ping', 200), ('/version', 200), ('/apis', 200), ('/made/up', 404),
                         ('/api/v1/madeups', 404), ('/apis/made.up/v1/things/x', 404), ('/api/v1/podtemplates/x/made-up', 404)):
        assert api.get(path).status == status, path
    after = scrape(api)

    def grew(**labels):
        return after.total('apiserver_request_total', **labels) - before.total('apiserver_request_total', **labels)
    assert grew(verb='GET', subresource='/healthz', scope='', resource='', code='200') >= 1
    assert grew(verb='GET', subresource='/livez', code='200') == 1
    assert grew(verb='GET', subresource='/version') == 1 and grew(verb='GET', subresource='/apis') == 1
    assert grew(verb='GET', resource='', subresource='', scope='', code='404') == 1
    assert grew(resource='', subresource='', code='404') == 3
    assert grew(code='404') >= 4
    assert not [key for key in after['apiserver_request_total'].samples if 'made' in str(key)]


def test_a_body_too_large(server, namespace):
    api = server.api()
    labels = {'verb': 'POST', 'code': '413', 'scope': 'resource', **templates()}
    before = scrape(api).total('apiserver_request_total', **labels)
    try:
        answer = api.call('POST', '/api/v1/namespaces/%s/podtemplates' % namespace, 'x' * BIG)
        assert answer.status == 413
    except OSError:
        pass                                      # the server need not read to the end what it has refused
    wait.until(lambda: scrape(api).total('apiserver_request_total', **labels) == before + 1, 'the refusal is counted', seconds=20)


def test_a_watch_is_open_and_counts_at_its_end(server, namespace):
    api, path = server.api(), '/api/v1/namespaces/%s/podtemplates' % namespace
    labels = templates(verb='WATCH', scope='namespace')
    before = scrape(api)
    with api.watch(path) as watch:
        api.create(path, TEMPLATE)
        watch.until(lambda event: event['type'] == 'ADDED', 'the object comes')
        during = scrape(api)
        assert during.total('apiserver_longrunning_requests', **labels) == before.total('apiserver_longrunning_requests', **labels) + 1
        assert during.total('apiserver_request_total', **labels) == before.total('apiserver_request_total', **labels)
        sent = {'group': '', 'version': 'v1', 'resource': 'podtemplates'}
        assert during.total('apiserver_watch_events_total', **sent) > before.total('apiserver_watch_events_total', **sent)
        assert during.total('apiserver_watch_events_sizes_count', **sent) == before.total('apiserver_watch_events_sizes_count', **sent) + 1

    def closed():
        now = scrape(api)
        return (now.total('apiserver_longrunning_requests', **labels) == before.total('apiserver_longrunning_requests', **labels)
                and now.total('apiserver_request_total', code='200', **labels)
                == before.total('apiserver_request_total', code='200', **labels) + 1)
    wait.until(closed, 'the watch is counted and closed', seconds=20)


def test_objects_in_the_store(server, namespace):
    api = server.api()
    before = scrape(api)
    api.create('/api/v1/namespaces/%s/podtemplates' % namespace, TEMPLATE)
    after = scrape(api)
    for sample, labels in (('apiserver_storage_objects', {'resource': 'podtemplates'}),
                           ('apiserver_resource_objects', {'group': '', 'resource': 'podtemplates'})):
        assert after.total(sample, **labels) == before.total(sample, **labels) + 1
    assert after.total('apiserver_storage_objects', resource='clusterroles.rbac.authorization.k8s.io') > 10


def test_nothing_is_lost_under_load(server, namespace):
    api, path = server.api(), '/api/v1/namespaces/%s/podtemplates' % namespace
    api.create(path, TEMPLATE)
    threads, rounds = 8, 100
    get, listed = templates(verb='GET', scope='resource', code='200'), templates(verb='LIST', scope='namespace', code='200')
    before, failed = scrape(api), []

    def load():
        connection = api.connect()
        try:
            for _ in range(rounds):
                assert api.get(path + '/one', connection=connection).status == 200
                assert api.get(path, connection=connection).status == 200
        except (AssertionError, OSError) as error:
            failed.append(error)
        finally:
            connection.close()
    running = [threading.Thread(target=load) for _ in range(threads)]
    for thread in running:
        thread.start()
    while any(thread.is_alive() for thread in running):
        scrape(api)                               # whole at any moment
        running[0].join(0.05)
    for thread in running:
        thread.join()
    assert not failed
    after = scrape(api)
    for labels in (get, listed):
        assert after.total('apiserver_request_total', **labels) - before.total('apiserver_request_total', **labels) == threads * rounds
    labels = {key: value for key, value in get.items() if key != 'code'}
    for sample in ('apiserver_request_duration_seconds_count', 'apiserver_response_sizes_count'):
        assert after.total(sample, **labels) - before.total(sample, **labels) == threads * rounds
    assert after.total('apiserver_current_inflight_requests', request_kind='readOnly') <= threads + 1


@pytest.mark.parametrize('headers, status', [
    (as_user('jane'), 403), (as_user('system:serviceaccount:default:default'), 403), (as_user('watcher', 'system:monitoring'), 200)])
def test_who_may_look(server, headers, status):
    assert server.api().get('/metrics', headers=headers).status == status


def test_nobody_looks_unknown(server):
    assert server.api(anonymous=True).get('/metrics').status == 403
    assert server.api(anonymous=True).get('/metrics', headers={'Authorization': 'Bearer bad'}).status == 401


def test_a_role_for_the_path(server, test_id):
    api, name = server.api(), 'scraper-' + test_id.word
    api.create(RBAC + '/clusterroles', {'metadata': {'name': name}, 'rules': [{'verbs': ['get'], 'nonResourceURLs': ['/metrics']}]})
    api.create(RBAC + '/clusterrolebindings', {
        'metadata': {'name': name}, 'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'ClusterRole', 'name': name},
        'subjects': [{'kind': 'User', 'name': name}]})
    wait.until(lambda: api.get('/metrics', headers=as_user(name)).status == 200, 'the role counts')
    assert api.get('/apis/apps/v1/deployments', headers=as_user(name)).status == 403


def test_queues_of_controllers(server, test_id):
    api, name = server.api(), 'queues-' + test_id.word
    before = scrape(api)
    api.create('/api/v1/namespaces', {'metadata': {'name': name}})

    def worked():
        now = scrape(api)
        return all(now.total(sample, name='serviceaccount') > before.total(sample, name='serviceaccount') for sample in (
            'workqueue_adds_total', 'workqueue_queue_duration_seconds_count', 'workqueue_work_duration_seconds_count'))
    wait.until(worked, 'the queue has been worked on', seconds=20)
    wait.until(lambda: scrape(api).total('workqueue_depth') == 0, 'nothing waits', seconds=20)
    queues = {dict(labels)['name'] for _, labels in scrape(api)['workqueue_adds_total'].samples}
    assert queues >= {'deployment', 'replicaset', 'namespace', 'serviceaccount', 'endpoint', 'endpoint_slice', 'root_ca_cert_publisher',
                      'garbage_collector_attempt_to_delete'}
    api.delete('/api/v1/namespaces/' + name)


def test_decisions_of_the_scheduler(server, namespace, test_id):
    api, pods, node = server.api(), '/api/v1/namespaces/%s/pods' % namespace, 'n-' + test_id.word
    profile = {'profile': 'default-scheduler'}
    before = scrape(api)

    def grew(sample, **labels):
        return scrape(api).total(sample, **labels) - before.total(sample, **labels)

    def pod(name, **spec):
        api.create(pods, {'metadata': {'name': name}, 'spec': {
            'tolerations': [{'operator': 'Exists'}], 'containers': [{'name': 'c', 'image': 'x'}], **spec}})
    api.create('/api/v1/nodes', {'metadata': {'name': node}, 'status': {'allocatable': {'cpu': '4', 'memory': '8Gi', 'pods': '10'}}})
    pod('fits', nodeSelector={})
    wait.until(lambda: grew('scheduler_schedule_attempts_total', result='scheduled', **profile) == 1, 'a pod is bound', seconds=20)
    assert grew('scheduler_scheduling_attempt_duration_seconds_count', result='scheduled', **profile) == 1
    assert grew('scheduler_pod_scheduling_attempts_count') == 1
    pod('does-not', nodeSelector={'made': 'up'})
    wait.until(lambda: scrape(api).total('scheduler_pending_pods', queue='unschedulable') == 1, 'a pod waits', seconds=20)
    assert grew('scheduler_schedule_attempts_total', result='unschedulable', **profile) >= 1
    api.delete(pods + '/does-not')
    wait.until(lambda: scrape(api).total('scheduler_pending_pods') == 0, 'no pod waits', seconds=20)
    api.delete(pods + '/fits?gracePeriodSeconds=0')
    api.delete('/api/v1/nodes/' + node)
