"""Who is behind a service: Endpoints and EndpointSlices follow pods and services.  There is no node: the tests say how pods are."""
from lib import wait

SECONDS = 30


def service(api, namespace, name, **spec):
    spec = {'selector': {'app': 'web'}, 'ports': [{'name': 'http', 'port': 80, 'targetPort': 8080}], **spec}
    return api.create('/api/v1/namespaces/%s/services' % namespace, {'metadata': {'name': name}, 'spec': spec})


def pod(api, namespace, name, **spec):
    spec = {'containers': [{'name': 'c', 'image': 'none'}], 'schedulerName': 'nobody', **spec}
    return api.create('/api/v1/namespaces/%s/pods' % namespace, {'metadata': {'name': name, 'labels': {'app': 'web'}}, 'spec': spec})


def set_status(api, namespace, name, ip, ready):
    """Tells of a pod what its kubelet would."""
    condition = {'type': 'Ready', 'status': 'True' if ready else 'False', 'lastTransitionTime': '2026-01-02T03:04:05Z'}
    status = {'phase': 'Running', 'podIP': ip, 'podIPs': [{'ip': ip}], 'conditions': [condition]}
    answer = api.call('PATCH', '/api/v1/namespaces/%s/pods/%s/status' % (namespace, name), {'status': status},
                      content_type='application/merge-patch+json')
    assert answer.status == 200, answer


def ready_addresses(api, namespace):
    """The ready addresses that the Endpoints of each service have, and those that its slices have."""
    endpoints, slices = {}, {}
    for item in api.get('/api/v1/namespaces/%s/endpoints' % namespace).json['items']:
        endpoints[item['metadata']['name']] = [a['ip'] for s in item.get('subsets') or [] for a in s.get('addresses') or []]
    for item in api.get('/apis/discovery.k8s.io/v1/namespaces/%s/endpointslices' % namespace).json['items']:
        found = slices.setdefault(item['metadata']['labels']['kubernetes.io/service-name'], [])
        found += [a for e in item.get('endpoints') or [] if e['conditions']['ready'] for a in e['addresses']]
    return endpoints, slices


def wait_for(api, namespace, wanted):
    wait.until(lambda: ready_addresses(api, namespace) == (wanted, wanted),
               'endpoints and slices have %r' % wanted, SECONDS)


def test_a_pod_is_behind_as_many_services_as_select_it(server, namespace):
    api = server.api()
    names = ['web-%d' % i for i in range(40)]
    for name in names:
        service(api, namespace, name)
    pod(api, namespace, 'one')
    set_status(api, namespace, 'one', '10.1.2.3', ready=True)
    wait_for(api, namespace, {name: ['10.1.2.3'] for name in names})
    set_status(api, namespace, 'one', '10.1.2.3', ready=False)
    wait_for(api, namespace, {name: [] for name in names})


def test_endpoints_kept_by_hand_are_mirrored(server, namespace):
    api = server.api()
    service(api, namespace, 'db', selector=None)
    path = '/api/v1/namespaces/%s/endpoints' % namespace
    api.create(path, {'metadata': {'name': 'db'},
                      'subsets': [{'addresses': [{'ip': '192.0.2.7'}], 'ports': [{'name': 'http', 'port': 5432}]}]})
    wait_for(api, namespace, {'db': ['192.0.2.7']})
    slices = '/apis/discovery.k8s.io/v1/namespaces/%s/endpointslices' % namespace
    made = api.get(slices).json['items'][0]
    assert made['metadata']['labels']['endpointslice.kubernetes.io/managed-by'] == 'endpointslicemirroring-controller.k8s.io'
    api.delete(path + '/db')
    wait.until(lambda: api.get(slices).json['items'] == [], 'the slice is gone', SECONDS)
