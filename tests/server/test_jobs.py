"""Jobs and CronJobs with a real API and no node: the test ends their pods."""
from lib import wait

SECONDS = 30


def manifest(**spec):
    return {'apiVersion': 'batch/v1', 'kind': 'Job', 'metadata': {'name': 'work'},
            'spec': {'template': {'spec': {'schedulerName': 'nobody', 'restartPolicy': 'Never',
                                           'terminationGracePeriodSeconds': 0,
                                           'containers': [{'name': 'c', 'image': 'none'}]}}, **spec}}


def pods(api, namespace):
    return api.get('/api/v1/namespaces/%s/pods' % namespace).json['items']


def end_pods(api, namespace, phase):
    """Ends every pod that has not, as its kubelet would; returns how many there were."""
    running = [pod for pod in pods(api, namespace) if pod['status']['phase'] not in ('Succeeded', 'Failed')]
    for pod in running:
        api.call('PATCH', '/api/v1/namespaces/%s/pods/%s/status' % (namespace, pod['metadata']['name']),
                 {'status': {'phase': phase}}, content_type='application/merge-patch+json')
    return len(running)


def test_a_job_completes(server, kubectl, namespace):
    api = server.api()
    kubectl('create', 'job', 'work', '--image=none', '-n', namespace)
    wait.until(lambda: end_pods(api, namespace, 'Succeeded'), 'there is a pod', SECONDS)
    kubectl('wait', '--for=condition=complete', 'job/work', '-n', namespace, '--timeout=%ds' % SECONDS, seconds=SECONDS + 10)
    assert kubectl('get', 'jobs', '-n', namespace, '--no-headers').out.split()[:3] == ['work', 'Complete', '1/1']
    assert all('finalizers' not in pod['metadata'] for pod in pods(api, namespace))


def test_indexed_pods_carry_their_index(server, kubectl, namespace):
    api = server.api()
    kubectl.apply(manifest(completionMode='Indexed', completions=4, parallelism=2), '-n', namespace)

    def done():
        end_pods(api, namespace, 'Succeeded')
        return kubectl.json('get', 'job', 'work', '-n', namespace)['status'].get('completedIndexes') == '0-3'
    wait.until(done, 'all indexes have succeeded', SECONDS)
    assert sorted(pod['spec']['hostname'] for pod in pods(api, namespace)) == ['work-%d' % i for i in range(4)]


def test_too_many_failures_end_it(server, kubectl, namespace):
    api = server.api()
    kubectl.apply(manifest(backoffLimit=0), '-n', namespace)
    wait.until(lambda: end_pods(api, namespace, 'Failed'), 'there is a pod', SECONDS)
    kubectl('wait', '--for=condition=failed', 'job/work', '-n', namespace, '--timeout=%ds' % SECONDS, seconds=SECONDS + 10)
    assert 'BackoffLimitExceeded' in kubectl('describe', 'job', 'work', '-n', namespace).out


def test_pods_of_a_deleted_job_go(server, kubectl, namespace):
    """They carry a finalizer that only the controller takes away."""
    api = server.api()
    for cascade in ('background', 'foreground'):
        kubectl.apply(manifest(parallelism=3, completions=3), '-n', namespace)
        wait.until(lambda: len(pods(api, namespace)) == 3, 'there are pods', SECONDS)
        kubectl('delete', 'job', 'work', '-n', namespace, '--cascade=' + cascade, '--timeout=%ds' % SECONDS, seconds=SECONDS + 10)
        wait.until(lambda: not pods(api, namespace), 'the pods are gone', SECONDS)


def test_orphans_keep_running_untracked(server, kubectl, namespace):
    api = server.api()
    kubectl.apply(manifest(), '-n', namespace)
    wait.until(lambda: pods(api, namespace), 'there is a pod', SECONDS)
    kubectl('delete', 'job', 'work', '-n', namespace, '--cascade=orphan', '--timeout=%ds' % SECONDS, seconds=SECONDS + 10)
    wait.until(lambda: 'finalizers' not in pods(api, namespace)[0]['metadata'], 'nothing holds the pod', SECONDS)
    assert 'ownerReferences' not in pods(api, namespace)[0]['metadata']


def cron_manifest(**spec):
    return {'apiVersion': 'batch/v1', 'kind': 'CronJob', 'metadata': {'name': 'cron'},
            'spec': {'schedule': '@every 2s', 'jobTemplate': {'spec': manifest()['spec']}, **spec}}


def events(api, namespace):
    return {event['reason'] for event in api.get('/api/v1/namespaces/%s/events' % namespace).json['items']}


def jobs(api, namespace):
    return api.get('/apis/batch/v1/namespaces/%s/jobs' % namespace).json['items']


def cron_job(api, namespace):
    return api.get('/apis/batch/v1/namespaces/%s/cronjobs/cron' % namespace).json


def test_a_cron_job_makes_jobs_and_keeps_a_few(server, kubectl, namespace):
    api = server.api()
    kubectl.apply(cron_manifest(timeZone='Etc/UTC', successfulJobsHistoryLimit=0), '-n', namespace)
    wait.until(lambda: cron_job(api, namespace)['status'].get('active'), 'the job is told', SECONDS)
    job = jobs(api, namespace)[0]
    assert job['metadata']['annotations']['batch.kubernetes.io/cronjob-scheduled-timestamp'] == \
        cron_job(api, namespace)['status']['lastScheduleTime']
    kubectl('patch', 'cronjob', 'cron', '-p', '{"spec":{"suspend":true}}', '-n', namespace)

    def over():
        end_pods(api, namespace, 'Succeeded')
        return not jobs(api, namespace) and 'active' not in cron_job(api, namespace)['status']
    wait.until(over, 'what has succeeded is not kept', SECONDS)
    assert 'lastSuccessfulTime' in cron_job(api, namespace)['status']
    wait.until(lambda: {'SuccessfulCreate', 'SawCompletedJob', 'SuccessfulDelete'} <= events(api, namespace), 'it is told', SECONDS)


def test_a_job_from_a_cron_job(server, kubectl, namespace):
    api = server.api()
    kubectl.apply(cron_manifest(schedule='0 0 1 1 *'), '-n', namespace)
    kubectl('create', 'job', 'now', '--from=cronjob/cron', '-n', namespace)
    wait.until(lambda: end_pods(api, namespace, 'Succeeded'), 'there is a pod', SECONDS)
    kubectl('wait', '--for=condition=complete', 'job/now', '-n', namespace, '--timeout=%ds' % SECONDS, seconds=SECONDS + 10)


def test_an_unknown_time_zone_starts_nothing(server, kubectl, namespace):
    api = server.api()
    kubectl.apply(cron_manifest(timeZone='Moon/Sea_of_Rains'), '-n', namespace)
    wait.until(lambda: 'UnknownTimeZone' in events(api, namespace), 'it is told', SECONDS)
    assert not jobs(api, namespace)
