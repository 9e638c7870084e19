"""kube-proxy and the DNS feed against a real API server: what is applied there is what connections and names do."""
import json
import subprocess

import pytest

from lib import wait
from lib.cluster import Server
from lib.netdriver import Pod, ask, built, open_nodes, serve


def service(name, address, slices_ready=None, **spec):
    return {'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': name},
            'spec': {'clusterIP': address, 'ports': [{'name': 'http', 'port': 80}], **spec}}


def endpoint_slice(name, of, endpoints, port=8080):
    """endpoints: (address, node, ready, hostname) each."""
    return {'apiVersion': 'discovery.k8s.io/v1', 'kind': 'EndpointSlice', 'addressType': 'IPv4',
            'metadata': {'name': name, 'labels': {'kubernetes.io/service-name': of}}, 'ports': [{'name': 'http', 'port': port, 'protocol': 'TCP'}],
            'endpoints': [{'addresses': [address], 'nodeName': node, 'conditions': {'ready': ready}, **({'hostname': host} if host else {})}
                          for address, node, ready, host in endpoints]}


class Components:
    """The components of one host; names are asked for at 127.0.0.1 in its namespace."""

    def __init__(self, test_id, host, kubeconfig):
        enter = ['nsenter', '--net=/run/netns/' + host.netns, '--']
        self.host, self.port = host, test_id.port()
        self.feeder = subprocess.Popen([*enter, built('tests/e2e/component_driver'), kubeconfig, 'node1', '10.244.0.0/16'],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.dns = subprocess.Popen([*enter, built('tests/e2e/dns_driver'), '127.0.0.1', str(self.port), '-'],
                                    stdin=self.feeder.stdout, stdout=subprocess.PIPE)
        self.feeder.stdout.close()
        assert self.dns.stdout.readline() == b'ready\n'

    def look_up(self, name, kind='a'):
        return self.host.run('dig', '@127.0.0.1', '-p', self.port, '+short', '+tries=1', name + '.svc.cluster.local', kind).out.split('\n')[:-1]

    def close(self):
        self.feeder.stdin.close()
        status = self.feeder.wait(20), self.dns.wait(20)
        self.dns.stdout.close()
        return status


@pytest.fixture
def everything(test_id, two_hosts):
    drivers = open_nodes(test_id, two_hosts)
    pods = {name: Pod(test_id, drivers[0], name) for name in 'ab'}
    try:
        for name, pod in pods.items():
            serve(pod, name, 'tcp:8080')
        with Server(test_id, address=two_hosts[1].address, netns=two_hosts[1].netns) as server:
            components = Components(test_id, two_hosts[1], server.kubeconfig)
            try:
                yield server, components, pods, two_hosts
            finally:
                assert components.close() == (0, 0)
    finally:
        for pod in pods.values():
            pod.close()
        for driver in drivers:
            driver.close()


def test_services_come_and_go(everything):
    server, components, pods, hosts = everything

    def apply(*objects):
        for value in objects:
            server.kubectl('apply', '-f', '-', stdin=json.dumps(value))
    a, b = pods['a'].address, pods['b'].address
    apply(service('web', '10.96.0.77'), endpoint_slice('web-1', 'web', [(a, 'node1', True, None)]))
    wait.until(lambda: ask(pods['b'], 'tcp', '10.96.0.77', 80) == 'a ' + b, 'the service leads to its pod')
    assert ask(hosts[1], 'tcp', '10.96.0.77', 80).startswith('a ')
    wait.until(lambda: components.look_up('web.default') == ['10.96.0.77'], 'the service has a name')
    assert components.look_up('_http._tcp.web.default', 'srv') == ['0 100 80 web.default.svc.cluster.local.']
    # The server's own service is there too, with a host as its endpoint.
    assert components.look_up('kubernetes.default') != []
    # Another endpoint takes over.
    apply(endpoint_slice('web-1', 'web', [(a, 'node1', False, None), (b, 'node1', True, None)]))
    wait.until(lambda: ask(pods['a'], 'tcp', '10.96.0.77', 80).startswith('b '), 'the other pod has taken over')
    # None is left: refused, and the name stays.
    apply(endpoint_slice('web-1', 'web', [(a, 'node1', False, None)]))
    wait.until(lambda: ask(pods['b'], 'tcp', '10.96.0.77', 80) == 'ECONNREFUSED', 'without endpoints it is refused')
    assert components.look_up('web.default') == ['10.96.0.77']
    server.kubectl('delete', 'service', 'web')
    wait.until(lambda: components.look_up('web.default') == [], 'the name is gone')
    wait.until(lambda: '10.96.0.77' not in hosts[1].run('nft', 'list', 'ruleset').out, 'and the rules')


def test_headless(everything):
    server, components, pods, _ = everything
    for value in (service('db', 'None'), endpoint_slice('db-1', 'db', [(pods['a'].address, 'node1', True, 'db-0'), (pods['b'].address, 'node1', False, 'db-1')])):
        server.kubectl('apply', '-f', '-', stdin=json.dumps(value))
    wait.until(lambda: components.look_up('db.default') == [pods['a'].address], 'ready endpoints have the name')
    assert components.look_up('db-0.db.default') == [pods['a'].address]
    server.kubectl('delete', 'endpointslice', 'db-1')
    wait.until(lambda: components.look_up('db.default') == [], 'no endpoint, no name')


def test_server_restart_changes_nothing(everything):
    server, components, pods, hosts = everything
    for value in (service('web', '10.96.0.77'), endpoint_slice('web-1', 'web', [(pods['a'].address, 'node1', True, None)])):
        server.kubectl('apply', '-f', '-', stdin=json.dumps(value))
    wait.until(lambda: ask(pods['b'], 'tcp', '10.96.0.77', 80).startswith('a '), 'the service leads to its pod')
    server.stop()
    assert ask(pods['b'], 'tcp', '10.96.0.77', 80).startswith('a ')
    assert components.look_up('web.default') == ['10.96.0.77']
    server.start()
    server.kubectl('apply', '-f', '-', stdin=json.dumps(endpoint_slice('web-1', 'web', [(pods['b'].address, 'node1', True, None)])))
    wait.until(lambda: ask(pods['b'], 'tcp', '10.96.0.77', 80).startswith('b '), 'changes arrive again', seconds=40)
    # Somebody else's hand in the tables is undone.
    table = [line.split()[2] for line in hosts[1].run('nft', 'list', 'tables').out.splitlines() if 'proxy' in line][0]
    hosts[1].run('nft', 'delete', 'table', 'ip', table)
    wait.until(lambda: ask(pods['b'], 'tcp', '10.96.0.77', 80).startswith('b '), 'the tables are put right')
