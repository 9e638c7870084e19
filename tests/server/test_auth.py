"""Who may do what: roles and bindings, reviews, tokens of service accounts, and nobody granting what he does not hold."""
import base64
import json

import pytest

from lib import wait

RBAC = '/apis/rbac.authorization.k8s.io/v1'
AUTHORIZATION = '/apis/authorization.k8s.io/v1'
POD = {'metadata': {'name': 'p'}, 'spec': {'nodeName': 'nowhere', 'containers': [{'name': 'c', 'image': 'x'}]}}


def as_user(name, *groups):
    """Headers that speak for somebody else."""
    return {'Impersonate-User': name, **({'Impersonate-Group': groups[0]} if groups else {})}


def role(name, *rules):
    return {'metadata': {'name': name}, 'rules': [dict(zip(('verbs', 'apiGroups', 'resources'), rule)) for rule in rules]}


def binding(name, role_name, user, kind='Role'):
    return {'metadata': {'name': name}, 'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': kind, 'name': role_name},
            'subjects': [{'kind': 'User', 'name': user}]}


def let(api, namespace, user, *rules):
    """Gives the user a role in the namespace, and waits until it counts."""
    roles, bindings = ('%s/namespaces/%s/%s' % (RBAC, namespace, kind) for kind in ('roles', 'rolebindings'))
    api.create(roles, role('let-' + user, *rules))
    api.create(bindings, binding('let-' + user, 'let-' + user, user))
    verbs, groups, resources = rules[0]
    asked = {'verb': verbs[0], 'group': groups[0], 'resource': resources[0], 'namespace': namespace}
    wait.until(lambda: api.create(AUTHORIZATION + '/subjectaccessreviews', {
        'spec': {'user': user, 'resourceAttributes': asked}})['status']['allowed'], 'the role counts')


def claims(token):
    part = token.split('.')[1]
    return json.loads(base64.urlsafe_b64decode(part + '=' * (-len(part) % 4)))


def test_forbidden_until_bound(server, namespace):
    api = server.api()
    path = '/api/v1/namespaces/%s/pods' % namespace
    answer = api.call('GET', path, headers=as_user('jane'))
    assert answer.status == 403
    assert answer.json['message'] == ('pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the '
                                      'namespace "%s"' % namespace)
    let(api, namespace, 'jane', (['list'], [''], ['pods']))
    assert api.call('GET', path, headers=as_user('jane')).status == 200
    assert api.call('POST', path, POD, headers=as_user('jane')).status == 403
    assert api.call('GET', '/api/v1/namespaces/default/pods', headers=as_user('jane')).status == 403
    api.delete('%s/namespaces/%s/rolebindings/let-jane' % (RBAC, namespace))
    wait.until(lambda: api.call('GET', path, headers=as_user('jane')).status == 403, 'the binding no longer counts')


def test_reason_names_the_binding(server, namespace):
    api = server.api()
    let(api, namespace, 'rita', (['get'], [''], ['configmaps']))
    asked = {'verb': 'get', 'resource': 'configmaps', 'namespace': namespace}
    answer = api.call('POST', AUTHORIZATION + '/selfsubjectaccessreviews', {'spec': {'resourceAttributes': asked}},
                      headers=as_user('rita', 'system:authenticated'))
    assert answer.json['status'] == {
        'allowed': True, 'reason': 'RBAC: allowed by RoleBinding "let-rita/%s" of Role "let-rita" to User "rita"' % namespace}


@pytest.mark.parametrize('rules, lines', [
    ([(['get', 'list'], [''], ['secrets'])], ['{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}']),
    ([(['get'], [''], ['pods']), (['delete'], ['apps'], ['deployments'])],
     ['{APIGroups:["apps"], Resources:["deployments"], Verbs:["delete"]}']),
])
def test_no_escalation(server, namespace, rules, lines):
    api = server.api()
    let(api, namespace, 'eve', (['create', 'update'], ['rbac.authorization.k8s.io'], ['roles', 'rolebindings']),
        (['get'], [''], ['pods']))
    roles = '%s/namespaces/%s/roles' % (RBAC, namespace)
    answer = api.call('POST', roles, role('more', *rules), headers=as_user('eve'))
    assert answer.status == 403
    assert answer.json['message'].split('\n') == [
        'roles.rbac.authorization.k8s.io "more" is forbidden: user "eve" (groups=["system:authenticated"]) is attempting to '
        'grant RBAC permissions not currently held:', *lines]
    assert api.call('POST', roles, role('less', (['get'], [''], ['pods'])), headers=as_user('eve')).status == 201
    bindings = '%s/namespaces/%s/rolebindings' % (RBAC, namespace)
    assert api.call('POST', bindings, binding('b', 'cluster-admin', 'eve', 'ClusterRole'), headers=as_user('eve')).status == 403
    answer = api.call('POST', bindings, binding('b', 'no-such', 'eve'), headers=as_user('eve'))
    assert (answer.status, answer.json['message']) == (404, 'role.rbac.authorization.k8s.io "no-such" not found')


def test_policy_comes_back(module_id):
    """What a start finds missing it adds; what somebody added stays, and what he protected is left alone."""
    from lib.cluster import Server
    with Server(module_id, name='policy') as server:
        api = server.api()
        path = RBAC + '/clusterroles/'
        api.delete(path + 'system:monitoring')
        kept = api.get(path + 'system:kube-dns').json
        kept['metadata']['annotations']['rbac.authorization.kubernetes.io/autoupdate'] = 'false'
        kept['rules'] = []
        assert api.call('PUT', path + 'system:kube-dns', kept).status == 200
        changed = api.get(path + 'system:basic-user').json
        changed['rules'] = [{'verbs': ['get'], 'apiGroups': [''], 'resources': ['pods']}]
        assert api.call('PUT', path + 'system:basic-user', changed).status == 200
        untouched = api.get(path + 'cluster-admin').json['metadata']['resourceVersion']
        server.stop()
        server.start()
        api = server.api()
        assert api.get(path + 'system:monitoring').status == 200
        assert 'rules' not in api.get(path + 'system:kube-dns').json or not api.get(path + 'system:kube-dns').json['rules']
        rules = api.get(path + 'system:basic-user').json['rules']
        assert rules[0]['resources'] == ['pods']
        assert {'selfsubjectaccessreviews', 'selfsubjectreviews'} <= {name for rule in rules for name in rule['resources']}
        assert api.get(path + 'cluster-admin').json['metadata']['resourceVersion'] == untouched


def test_token_of_an_account(server, namespace):
    api = server.api()
    accounts = '/api/v1/namespaces/%s/serviceaccounts' % namespace
    api.create(accounts, {'metadata': {'name': 'robot'}})
    token = api.call('POST', accounts + '/robot/token', {'spec': {}}).json['status']['token']
    robot = server.api(token=token)
    who = robot.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {}).json['status']['userInfo']
    assert who['username'] == 'system:serviceaccount:%s:robot' % namespace
    assert who['groups'] == ['system:serviceaccounts', 'system:serviceaccounts:' + namespace, 'system:authenticated']
    review = api.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {'spec': {'token': token}}).json
    assert review['status']['authenticated'] and review['status']['user']['username'] == who['username']
    keys = robot.get('/openid/v1/jwks').json['keys']
    header = json.loads(base64.urlsafe_b64decode(token.split('.')[0] + '=='))
    assert [key['kid'] for key in keys] == [header['kid']]
    assert robot.get('/.well-known/openid-configuration').json['issuer'] == claims(token)['iss']
    api.delete(accounts + '/robot')
    answer = robot.get('/api')
    assert (answer.status, answer.json['message']) == (401, 'Unauthorized')
    assert server.api(token='nonsense').get('/api').status == 401


@pytest.mark.parametrize('spec, status, message', [
    ({'expirationSeconds': 5}, 422, 'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 5: '
     'may not specify a duration less than 10 minutes'),
    ({'boundObjectRef': {'kind': 'Pod', 'apiVersion': 'v1', 'name': 'none'}}, 404, 'pods "none" not found'),
])
def test_token_refused(server, namespace, spec, status, message):
    api = server.api()
    accounts = '/api/v1/namespaces/%s/serviceaccounts' % namespace
    api.create(accounts, {'metadata': {'name': 'robot'}})
    answer = api.call('POST', accounts + '/robot/token', {'spec': spec})
    assert (answer.status, answer.json['message']) == (status, message)


def test_pod_gets_token_and_account(server, namespace):
    """The new namespace's account may be a moment late: the pod waits for it."""
    api = server.api()
    pod = api.create('/api/v1/namespaces/%s/pods' % namespace, POD)
    volume, = pod['spec']['volumes']
    mount, = pod['spec']['containers'][0]['volumeMounts']
    assert pod['spec']['serviceAccountName'] == pod['spec']['serviceAccount'] == 'default'
    assert mount == {'name': volume['name'], 'readOnly': True, 'mountPath': '/var/run/secrets/kubernetes.io/serviceaccount'}
    assert [sorted(source)[0] for source in volume['projected']['sources']] == [
        'serviceAccountToken', 'configMap', 'downwardAPI']
    bound = {'kind': 'Pod', 'apiVersion': 'v1', 'name': 'p', 'uid': pod['metadata']['uid']}
    status = api.call('POST', '/api/v1/namespaces/%s/serviceaccounts/default/token' % namespace,
                      {'spec': {'expirationSeconds': 3607, 'boundObjectRef': bound}}).json['status']
    said = claims(status['token'])
    assert said['kubernetes.io']['pod'] == {'name': 'p', 'uid': pod['metadata']['uid']}
    assert said['kubernetes.io']['warnafter'] - said['iat'] == 3607
    assert said['exp'] - said['iat'] == 365 * 24 * 3600
    assert server.api(token=status['token']).get('/version').status == 200
    api.call('DELETE', '/api/v1/namespaces/%s/pods/p?gracePeriodSeconds=0' % namespace)
    assert server.api(token=status['token']).get('/version').status == 401


def test_pod_of_unknown_account(server, namespace):
    pod = {**POD, 'spec': {**POD['spec'], 'serviceAccountName': 'none'}}
    answer = server.api().call('POST', '/api/v1/namespaces/%s/pods' % namespace, pod)
    assert (answer.status, answer.json['message']) == (
        403, 'pods "p" is forbidden: error looking up service account %s/none: serviceaccount "none" not found' % namespace)


def test_anonymous(server):
    nobody = server.api(anonymous=True)
    assert nobody.get('/version').status == 200
    answer = nobody.get('/api/v1/nodes')
    assert (answer.status, answer.json['message']) == (
        403, 'nodes is forbidden: User "system:anonymous" cannot list resource "nodes" in API group "" at the cluster scope')


def as_node(name):
    return as_user('system:node:' + name, 'system:nodes')


def test_node_reads_what_its_pods_use(server, namespace):
    api, base = server.api(), '/api/v1/namespaces/%s/' % namespace
    for name in ('used', 'other'):
        api.create(base + 'configmaps', {'metadata': {'name': name}})
        api.create(base + 'secrets', {'metadata': {'name': name}})
    api.create(base + 'pods', {'metadata': {'name': 'p'}, 'spec': {
        'nodeName': 'n1', 'imagePullSecrets': [{'name': 'used'}],
        'containers': [{'name': 'c', 'image': 'x', 'envFrom': [{'configMapRef': {'name': 'used'}}]}]}})
    for path, n1, n2 in [('configmaps/used', 200, 403), ('configmaps/other', 403, 403), ('secrets/used', 200, 403),
                         ('secrets/other', 403, 403), ('configmaps/kube-root-ca.crt', 200, 403), ('configmaps', 403, 403),
                         ('configmaps?fieldSelector=metadata.name%3Dused', 200, 403), ('pods/p', 200, 403),
                         ('pods', 403, 403), ('pods?fieldSelector=spec.nodeName%3Dn1', 200, 403)]:
        for node, status in (('n1', n1), ('n2', n2)):
            assert (path, node, api.call('GET', base + path, headers=as_node(node)).status) == (path, node, status)
    answer = api.call('GET', base + 'secrets/used', headers=as_node('n2'))
    assert answer.json['message'].endswith(": no relationship found between node 'n2' and this object")
    bound = {'kind': 'Pod', 'apiVersion': 'v1', 'name': 'p', 'uid': api.get(base + 'pods/p').json['metadata']['uid']}
    for node, spec, status in (('n1', {}, 403), ('n1', {'boundObjectRef': bound}, 201), ('n2', {'boundObjectRef': bound}, 403)):
        assert api.call('POST', base + 'serviceaccounts/default/token', {'spec': spec}, headers=as_node(node)).status == status
    api.call('DELETE', base + 'pods/p?gracePeriodSeconds=0')
    assert api.call('GET', base + 'secrets/used', headers=as_node('n1')).status == 403


@pytest.mark.parametrize('method, path, status', [
    ('GET', '/api/v1/nodes/n1', 404), ('GET', '/api/v1/nodes/n2', 403), ('GET', '/api/v1/services', 200),
    ('GET', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1', 404),
    ('GET', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n2', 403),
    ('GET', '/apis/coordination.k8s.io/v1/namespaces/default/leases/n1', 403),
    ('DELETE', '/api/v1/nodes/n1', 403), ('GET', '/apis/apps/v1/deployments', 403), ('GET', '/metrics', 403),
])
def test_node_reads_what_is_its_own(server, method, path, status):
    assert server.api().call(method, path, headers=as_node('n1')).status == status


def test_impersonation_by_one_who_may_not(server, namespace):
    answer = server.api(anonymous=True).call('GET', '/api/v1/namespaces/%s/configmaps' % namespace, headers=as_user('admin'))
    assert (answer.status, answer.json['message']) == (
        403, 'configmaps is forbidden: User "system:anonymous" cannot impersonate-on:user-info:list resource "configmaps" in API '
        'group "" in the namespace "%s"' % namespace)


def test_constrained_impersonation(server, namespace):
    """An account that may be one user, to list config maps: not to read secrets, not as somebody else, not as an admin."""
    api, base = server.api(), '/api/v1/namespaces/%s/' % namespace
    name = 'imp-' + namespace
    rule = {'verbs': ['impersonate:user-info'], 'apiGroups': ['authentication.k8s.io'], 'resources': ['users'],
            'resourceNames': ['carl']}
    api.create(RBAC + '/clusterroles', {'metadata': {'name': name}, 'rules': [rule]})
    api.create(base + 'serviceaccounts', {'metadata': {'name': 'robot'}})
    robot = {'kind': 'ServiceAccount', 'name': 'robot', 'namespace': namespace}
    api.create(RBAC + '/clusterrolebindings', {**binding(name, name, '', 'ClusterRole'), 'subjects': [robot]})
    api.create('%s/namespaces/%s/roles' % (RBAC, namespace),
               role('imp', (['impersonate-on:user-info:list'], [''], ['configmaps'])))
    api.create('%s/namespaces/%s/rolebindings' % (RBAC, namespace), {**binding('imp', 'imp', ''), 'subjects': [robot]})
    let(api, namespace, 'carl', (['list'], [''], ['configmaps', 'secrets']))
    token = api.call('POST', base + 'serviceaccounts/robot/token', {'spec': {}}).json['status']['token']
    robot = server.api(token=token)
    try:
        wait.until(lambda: robot.call('GET', base + 'configmaps', headers=as_user('carl')).status == 200, 'the rules count')
        assert robot.call('GET', base + 'secrets', headers=as_user('carl')).status == 403
        assert robot.call('GET', base + 'configmaps', headers=as_user('dora')).status == 403
        assert robot.call('GET', base + 'configmaps', headers=as_user('carl', 'system:masters')).status == 403
        assert robot.get(base + 'configmaps').status == 403
    finally:
        api.delete(RBAC + '/clusterroles/' + name)
        api.delete(RBAC + '/clusterrolebindings/' + name)


def test_node_changes_what_is_its_own(server, namespace):
    api, base = server.api(), '/api/v1/namespaces/%s/' % namespace
    mine, other = 'a-' + namespace, 'b-' + namespace
    merge = 'application/merge-patch+json'
    for name in (mine, other):
        assert api.call('POST', '/api/v1/nodes', {'metadata': {'name': name}}, headers=as_node(name)).status == 201
    api.create(base + 'pods', {**POD, 'spec': {**POD['spec'], 'nodeName': mine}})
    refused = 'pods "p" is forbidden: node "%s" can only delete pods with spec.nodeName set to itself' % other
    answer = api.call('DELETE', base + 'pods/p', headers=as_node(other))
    assert (answer.status, answer.json['message']) == (403, refused)
    for path, change, node, status in [
            ('/api/v1/nodes/%s/status' % mine, {'status': {'phase': 'Running'}}, mine, 200),
            ('/api/v1/nodes/%s/status' % mine, {'status': {'phase': 'Pending'}}, other, 403),
            ('/api/v1/nodes/' + mine, {'metadata': {'labels': {'kubernetes.io/os': 'linux', 'x': 'y'}}}, mine, 200),
            ('/api/v1/nodes/' + mine, {'metadata': {'labels': {'node-restriction.kubernetes.io/a': 'b'}}}, mine, 403),
            ('/api/v1/nodes/' + mine, {'spec': {'taints': [{'key': 'k', 'effect': 'NoSchedule'}]}}, mine, 403),
            (base + 'pods/p/status', {'status': {'phase': 'Running'}}, mine, 200),
            (base + 'pods/p/status', {'status': {'phase': 'Failed'}}, other, 403)]:
        answer = api.call('PATCH', path, change, content_type=merge, headers=as_node(node))
        assert (path, change, answer.status) == (path, change, status), answer
    assert api.call('POST', base + 'pods', {**POD, 'metadata': {'name': 'q'}}, headers=as_node(mine)).status == 403
    assert api.call('DELETE', base + 'pods/p?gracePeriodSeconds=0', headers=as_node(mine)).status == 200
    for name in (mine, other):
        api.delete('/api/v1/nodes/' + name)
