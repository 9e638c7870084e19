"""Probes that ask a server in a container: gRPC health checks over the pod's network."""
import os

import pytest

from lib import wait
from lib.node import OneNode
from lib.runtime import BUILD

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='needs root'), pytest.mark.seconds(90)]

PORT = 9000


@pytest.fixture(scope='module')
def cluster(module_id):
    with open(os.path.join(BUILD, 'tests/tools/health_server'), 'rb') as f:
        files = {'bin/health_server': f.read()}
    with OneNode(module_id, 'probes.local/health:1', files=files) as made:
        yield made


def probe(service, **more):
    return {'grpc': {'port': PORT, 'service': service}, 'periodSeconds': 1, 'failureThreshold': 1, **more}


def field(cluster, pod, path):
    return cluster.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].%s}' % path).out


def unhealthy(cluster, pod):
    return cluster.kubectl('get', 'events', '--field-selector', 'reason=Unhealthy,involvedObject.name=' + pod, '-o', 'jsonpath={.items[*].message}').out


def test_readiness_follows_what_the_service_says(cluster):
    pod = cluster.run('ready', 'exec health_server %d' % PORT, readinessProbe=probe('/tmp/well'))
    wait.until(lambda: 'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")' in unhealthy(cluster, pod), 'it is not well', 30)
    assert field(cluster, pod, 'ready') == 'false'
    cluster.kubectl('exec', pod, '--', 'touch', '/tmp/well')
    wait.until(lambda: field(cluster, pod, 'ready') == 'true', 'it is ready', 30)
    cluster.kubectl('exec', pod, '--', 'rm', '/tmp/well')
    wait.until(lambda: field(cluster, pod, 'ready') == 'false', 'it is not ready any more', 30)
    assert field(cluster, pod, 'restartCount') == '0'


def test_a_service_that_is_not_there_costs_the_container_its_life(cluster):
    pod = cluster.run('alive', 'exec health_server %d' % PORT, restart='Always', livenessProbe=probe('unknown'))
    wait.until(lambda: int(field(cluster, pod, 'restartCount') or 0) > 0, 'it was restarted', 40)
    assert 'Liveness probe failed: error: health rpc probe failed: rpc error: code = NotFound desc = unknown service' in unhealthy(cluster, pod)
