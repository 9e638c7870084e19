"""Jobs whose pods run, end and are ended on a node."""
import os

import pytest

from lib import wait
from lib.node import OneNode

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='needs root'), pytest.mark.seconds(120)]

SECONDS = 60


@pytest.fixture(scope='module')
def cluster(module_id):
    with OneNode(module_id, 'jobs.local/shell:1') as made:
        yield made


def apply(cluster, name, script, **spec):
    container = {'name': 'c', 'image': cluster.image, 'args': [script]}
    pod = {'restartPolicy': 'Never', 'terminationGracePeriodSeconds': 1, 'containers': [container]}
    cluster.kubectl.apply({'apiVersion': 'batch/v1', 'kind': 'Job', 'metadata': {'name': name}, 'spec': {'template': {'spec': pod}, **spec}})


def wait_for(cluster, name, condition):
    cluster.kubectl('wait', '--for=condition=' + condition, 'job/' + name, '--timeout=%ds' % SECONDS, seconds=SECONDS + 10)
    return cluster.kubectl.json('get', 'job', name)['status']


def pods(cluster, name):
    return cluster.kubectl.json('get', 'pods', '-l', 'job-name=' + name)['items']


def test_indexes_reach_containers(cluster):
    apply(cluster, 'indexed', 'echo "$JOB_COMPLETION_INDEX $(cat /proc/sys/kernel/hostname)"', completionMode='Indexed', completions=3, parallelism=2)
    status = wait_for(cluster, 'indexed', 'complete')
    assert (status['completedIndexes'], status['succeeded'], status['terminating']) == ('0-2', 3, 0)
    said = [cluster.kubectl('logs', pod['metadata']['name']).out.strip() for pod in pods(cluster, 'indexed')]
    assert sorted(said) == ['%d indexed-%d' % (i, i) for i in range(3)]


def test_an_exit_code_decides(cluster):
    rule = {'action': 'FailJob', 'onExitCodes': {'operator': 'In', 'values': [42]}}
    apply(cluster, 'code', 'exit 42', podFailurePolicy={'rules': [rule]})
    status = wait_for(cluster, 'code', 'failed')
    assert status['failed'] == 1
    assert {c['reason'] for c in status['conditions']} == {'PodFailurePolicy'}


def test_a_deadline_ends_what_runs(cluster):
    apply(cluster, 'late', 'exec sleep 1000', activeDeadlineSeconds=3)
    status = wait_for(cluster, 'late', 'failed')
    assert {c['reason'] for c in status['conditions']} == {'DeadlineExceeded'}
    assert not pods(cluster, 'late')


def test_pods_of_a_deleted_job_are_ended(cluster):
    apply(cluster, 'gone', 'exec sleep 1000')
    wait.until(lambda: [p['status']['phase'] for p in pods(cluster, 'gone')] == ['Running'], 'its pod runs', SECONDS)
    cluster.kubectl('delete', 'job', 'gone', '--timeout=%ds' % SECONDS, seconds=SECONDS + 10)
    wait.until(lambda: not pods(cluster, 'gone'), 'its pod is gone', SECONDS)
