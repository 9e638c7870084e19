#!/usr/bin/python3
"""A control plane without a node: start to ready, memory and CPU at rest, bytes written, creates and reads per second,
memory after many writes.

Creates and reads are driven by h2load; reads are compared with nghttpd serving a file of the same size to the same load.
"""
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'tests'))

from lib import proc, wait                        # noqa: E402
from lib.cluster import Server                    # noqa: E402
from lib.testid import TestId                     # noqa: E402

STARTS, REST_SECONDS, CREATES, READS, WRITES = 5, 10, 50000, 200000, 100000
NGHTTPD = next((p for p in ('/usr/sbin/nghttpd', '/usr/bin/nghttpd') if os.path.exists(p)), 'nghttpd')


def report(name, number, unit):
    print('%s\t%.4g\t%s' % (name, number, unit), flush=True)


def counters(pids):
    """CPU seconds and bytes handed to the disk so far."""
    seconds = written = 0
    for pid in pids:
        with open('/proc/%d/stat' % pid, encoding='utf-8') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
        with open('/proc/%d/io' % pid, encoding='utf-8') as f:
            written += int(re.search(r'^write_bytes: (\d+)', f.read(), re.M).group(1))
    return seconds, written


def started(server):
    """Seconds from the start of the process to the first ok of /readyz."""
    began = time.monotonic()
    server.start(ready=False)
    while True:
        try:
            if server.api().get('/readyz').status == 200:
                return time.monotonic() - began
        except (OSError, AttributeError, ValueError):
            pass
        assert time.monotonic() - began < 15 * wait.SLOW, server.process.text()[-2000:]
        time.sleep(0.001)


def measure_starts(test_id):
    first, again = [], []
    for i in range(STARTS):
        server = Server(test_id, name='start%d' % i, begin=False)
        first.append(started(server))
        server.stop()
        again.append(started(server))
        server.stop()
    report('server/start/first', 1000 * sorted(first)[STARTS // 2], 'ms')
    report('server/start/again', 1000 * sorted(again)[STARTS // 2], 'ms')


def measure_rest(server):
    pids = proc.family(server.process.pid)
    time.sleep(2)                                 # a measurement, not a wait: the machine's own settling
    seconds, written = counters(pids)
    time.sleep(REST_SECONDS)
    later, more = counters(pids)
    memory = proc.rollup(pids, ('Pss', 'Pss_Anon', 'Pss_Shmem'))
    report('server/rest/memory', memory['Pss_Anon'] + memory['Pss_Shmem'], 'MB')
    report('server/rest/pss', memory['Pss'], 'MB')
    report('server/rest/cpu', 100 * (later - seconds) / REST_SECONDS, '% of a core')
    report('server/rest/written', (more - written) / 1024 / REST_SECONDS * 60, 'KB a minute')


def h2load(url, count, clients, streams, folder, body=None, headers=()):
    """Requests a second; every one of them must succeed."""
    command = ['h2load', '-n', str(count), '-c', str(clients), '-m', str(streams), '-t', '1']
    for header in headers:
        command += ['-H', header]
    if body is not None:
        path = os.path.join(folder, 'body.json')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(body)
        command += ['-d', path]
    out = proc.run(command + [url], seconds=120).out
    good = int(re.search(r'status codes: (\d+) 2xx', out).group(1))
    assert good == count, out
    return float(re.search(r'finished in [^,]+, ([\d.]+) req/s', out).group(1))


def bench_headers(server):
    """An account that may do everything, as headers."""
    server.kubectl('create', 'serviceaccount', 'bench', '-n', 'default')
    server.kubectl('create', 'clusterrolebinding', 'bench', '--clusterrole=cluster-admin', '--serviceaccount=default:bench')
    token = server.kubectl('create', 'token', 'bench', '-n', 'default').out.strip()
    return ['authorization: Bearer ' + token, 'accept: application/json']


def report_memory(server, name):
    memory = rollup(family(server.process.pid), ('Pss_Anon', 'Pss_Shmem'))
    report('server/memory/' + name, memory['Pss_Anon'] + memory['Pss_Shmem'], 'MB')


def measure_memory(test_id):
    """What 100 000 writes leave behind, of one object and of as many, and a list of them all."""
    with Server(test_id, name='updates') as server:
        headers = bench_headers(server)
        path = server.url + '/api/v1/namespaces/default/configmaps'
        server.api().create('/api/v1/namespaces/default/configmaps', {'metadata': {'name': 'one'}, 'data': {'key': 'x' * 200, 'other': ''}})
        # Each changes it: an update to what is there already writes nothing.
        swap = ','.join('{"op":"%s","from":"/data/%s","path":"/data/%s"}' % step
                        for step in (('move', 'key', 'third'), ('move', 'other', 'key'), ('move', 'third', 'other')))
        h2load(path + '/one', WRITES, 1, 1, test_id.path, '[%s]' % swap,
               headers + ['content-type: application/json-patch+json', ':method: PATCH'])
        report_memory(server, '100k-updates')
    # Events are in the store alone; of everything else the garbage collector's cache has a copy.
    for name, fields in (('events', '"involvedObject":{"kind":"Pod","namespace":"default","name":"one"},"message":"%s"}' % ('x' * 200)),
                         ('configmaps', '"data":{"key":"%s"}}' % ('x' * 200))):
        with Server(test_id, name=name) as server:
            headers = bench_headers(server)
            path = server.url + '/api/v1/namespaces/default/' + name
            h2load(path, WRITES, 8, 32, test_id.path, '{"metadata":{"generateName":"bench-"},' + fields,
                   headers + ['content-type: application/json'])
            report_memory(server, '100k-' + name)
            server.api().get('/api/v1/' + name)
            report_memory(server, '100k-%s-listed' % name)


def measure_load(server, test_id):
    headers = bench_headers(server)
    path = server.url + '/api/v1/namespaces/default/configmaps'
    body = '{"metadata":{"generateName":"bench-"},"data":{"key":"%s"}}' % ('x' * 200)
    for clients, streams in ((1, 1), (8, 32)):
        rate = h2load(path, CREATES if streams > 1 else CREATES // 10, clients, streams, test_id.path, body,
                      headers + ['content-type: application/json'])
        report('server/create/%d-in-flight' % (clients * streams), rate, '/s')
    api = server.api()
    api.create('/api/v1/namespaces/default/configmaps', {'metadata': {'name': 'one'}, 'data': {'key': 'x' * 200}})
    size = len(api.get('/api/v1/namespaces/default/configmaps/one').body)
    ours = h2load(path + '/one', READS, 8, 32, test_id.path, headers=headers)
    report('server/get', ours, '/s')
    theirs = measure_nghttpd(server, test_id, size, headers)
    report('server/get/of-nghttpd', 100 * ours / theirs, '%')


def measure_nghttpd(server, test_id, size, headers):
    folder, port = test_id.folder('www'), test_id.port()
    with open(os.path.join(folder, 'file'), 'w', encoding='utf-8') as f:
        f.write('x' * size)
    proc.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj', '/CN=bench',
              '-keyout', folder + '/key.pem', '-out', folder + '/cert.pem'])
    with proc.Process([NGHTTPD, '-n', str(os.cpu_count()), '-a', '127.0.0.1', '-d', folder, port, folder + '/key.pem', folder + '/cert.pem'],
                      test_id.path, name='nghttpd') as nghttpd:
        url = 'https://127.0.0.1:%d/file' % port
        wait.until(lambda: h2load(url, 1, 1, 1, test_id.path), 'nghttpd answers')
        rate = h2load(url, READS, 8, 32, test_id.path, headers=headers)
        nghttpd.kill(signal.SIGTERM)
    report('server/get/nghttpd', rate, '/s')
    return rate


def main():
    with TestId() as test_id:
        measure_starts(test_id)
        with Server(test_id) as server:
            measure_rest(server)
            measure_load(server, test_id)
        measure_memory(test_id)


if __name__ == '__main__':
    try:
        main()
    except subprocess.CalledProcessError as failure:
        sys.exit(str(failure))
