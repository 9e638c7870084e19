"""What a node tells of itself and of what its containers use, through the API server as kubectl and scrapers see it."""
import os

import pytest

from lib import wait
from lib.metrics import parse
from lib.node import OneNode

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='needs root'), pytest.mark.seconds(90)]

IMAGE = 'metrics.local/box:1'
NODE = '/api/v1/nodes/host1/proxy'


@pytest.fixture(scope='module')
def cluster(module_id):
    with OneNode(module_id, IMAGE) as made:
        yield made


def scrape(cluster, path):
    return parse(cluster.kubectl('get', '--raw', NODE + path).out)


def test_the_kubelet_counts_its_pods(cluster):
    before = scrape(cluster, '/metrics')
    assert before.total('kubelet_node_name', node='host1') == 1
    assert before.total('kubernetes_build_info', major='1') == 1 and before.total('process_open_fds') > 3
    cluster.run('counted', 'exec sleep 1000')
    cluster.run('over', 'true', phase='Succeeded')

    def grew(sample, **labels):
        return scrape(cluster, '/metrics').total(sample, **labels) - before.total(sample, **labels)
    wait.until(lambda: grew('kubelet_running_containers', container_state='running') == 1, 'one container runs', seconds=30)
    wait.until(lambda: grew('kubelet_running_pods') == 1, 'one pod runs', seconds=30)
    assert grew('kubelet_running_containers', container_state='exited') == 1
    wait.until(lambda: grew('kubelet_pod_start_duration_seconds_count') >= 1, 'its start was measured', seconds=30)
    assert grew('kubelet_pod_worker_duration_seconds_count', operation_type='create') == 2
    assert grew('kubelet_http_requests_total') > 0


def test_what_containers_use(cluster):
    pod = cluster.run('busy', 'while :; do :; done')
    labels = {'namespace': 'default', 'pod': pod}

    def used():
        found = scrape(cluster, '/metrics/resource')
        return found if found.total('container_cpu_usage_seconds_total', **labels) > 0.05 else None
    found = wait.until(used, 'it has used some time', seconds=30)
    later = wait.until(lambda: (lambda now: now if now.total('pod_cpu_usage_seconds_total', **labels)
                                > found.total('pod_cpu_usage_seconds_total', **labels) else None)(scrape(cluster, '/metrics/resource')),
                       'it uses more', seconds=30)
    for one in (found, later):
        assert one.total('pod_cpu_usage_seconds_total', **labels) == one.total('container_cpu_usage_seconds_total', **labels)
        assert one.total('container_memory_working_set_bytes', **labels) > 4096
        assert one.total('node_cpu_usage_seconds_total') > one.total('pod_cpu_usage_seconds_total', **labels)
        assert one.total('node_memory_working_set_bytes') > one.total('pod_memory_working_set_bytes', **labels)
        assert one.total('resource_scrape_error') == 0
    cluster.kubectl('delete', 'pod', pod, '--grace-period=0', '--force')
    wait.until(lambda: scrape(cluster, '/metrics/resource').total('container_cpu_usage_seconds_total', **labels) == 0,
               'what is gone is told no more', seconds=30)


def test_nobody_else_may_look(cluster):
    for path in ('metrics', 'metrics/resource', 'stats/summary'):
        url = 'https://%s:10250/%s' % (cluster.host.address, path)
        assert cluster.host.run('curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}', url).out == '401'
    refused = cluster.kubectl('get', '--raw', NODE + '/metrics', '--as=jane', check=False)
    assert not refused.ok and 'Forbidden' in refused.err + refused.out


@pytest.fixture(scope='module')
def account(cluster):
    """A service account as scrapers have one, with the cluster role that allows nodes/metrics, not bound yet."""
    cluster.kubectl('create', 'serviceaccount', 'scraper')
    cluster.kubectl('create', 'clusterrole', 'node-metrics', '--verb=get', '--resource=nodes/metrics')
    return 'scraper'


def ask_node(cluster, path, token=None):
    """The status and text of the kubelet's own answer."""
    field = ['-H', 'Authorization: Bearer ' + token] if token else []
    out = cluster.host.run('curl', '-sk', '-w', '\n%{http_code}', *field, 'https://%s:10250%s' % (cluster.host.address, path)).out
    text, status = out.rsplit('\n', 1)
    return int(status), text


def test_a_token_gets_what_its_account_may(cluster, account):
    token = cluster.kubectl('create', 'token', account).out.strip()
    user = 'system:serviceaccount:default:' + account
    assert ask_node(cluster, '/metrics/resource') == (401, 'Unauthorized')
    assert ask_node(cluster, '/metrics/resource', token + 'x') == (401, 'Unauthorized')
    assert ask_node(cluster, '/metrics/resource', token) == (
        403, 'Forbidden (user=%s, verb=get, resource=nodes, subresource(s)=[metrics])\n' % user)
    cluster.kubectl('create', 'clusterrolebinding', 'node-metrics', '--clusterrole=node-metrics', '--serviceaccount=default:' + account)
    # That it was not allowed is remembered for half a minute.
    wait.until(lambda: ask_node(cluster, '/metrics/resource', token)[0] == 200, 'it is allowed', seconds=90)
    assert parse(ask_node(cluster, '/metrics/resource', token)[1]).total('resource_scrape_error') == 0
    assert ask_node(cluster, '/pods', token) == (
        403, 'Forbidden (user=%s, verb=get, resource=nodes, subresource(s)=[pods proxy])\n' % user)
    assert ask_node(cluster, '/containerLogs/default/none/c', token)[0] == 403


def test_a_token_of_an_account_that_is_gone(cluster):
    cluster.kubectl('create', 'serviceaccount', 'gone')
    token = cluster.kubectl('create', 'token', 'gone').out.strip()
    cluster.kubectl('delete', 'serviceaccount', 'gone')
    assert ask_node(cluster, '/metrics', token) == (401, 'Unauthorized')
