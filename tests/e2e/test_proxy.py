"""The service proxy, judged by traffic: two hosts with pods, services of every kind, changes under way, damage and restarts."""
import collections

import pytest

from lib import wait
from lib.netdriver import CLUSTER, Driver, Pod, ask, open_nodes, serve

SERVICE, SERVICE6 = '10.96.0.10', 'fd96::10'


class Cluster:
    """Pods a and b on the first host, c on the second; each answers with its name on tcp and udp 8080."""

    def __init__(self, test_id, network):
        self.test_id, self.network, self.pods, self.services = test_id, network, {}, {}
        self.drivers = open_nodes(test_id, network)
        for number, driver in enumerate(self.drivers, 1):
            network[number].run('ip', '-6', 'route', 'add', 'default', 'via', 'fd77::ffff')
            driver('proxy-open', 'node%d' % number, CLUSTER)
        for name, driver in (('a', 0), ('b', 0), ('c', 1)):
            self.pods[name] = Pod(test_id, self.drivers[driver], name)
            serve(self.pods[name], name, 'tcp:8080', 'udp:8080')

    def close(self):
        for pod in self.pods.values():
            pod.close()
        for driver in self.drivers:
            driver.close()

    def host_of(self, name):
        return 1 if name in 'ab' else 2

    def sync(self, *services):
        """Each service: (what stands in its line, the names of its pods).  Returns each driver's four numbers."""
        results = []
        for number, driver in enumerate(self.drivers, 1):
            path = self.test_id.path + '/services%d' % number
            with open(path, 'w', encoding='utf-8') as f:
                for line, pods in services:
                    f.write('service %s\n' % line)
                    for word in pods.split():
                        name, _, flags = word.partition(':')
                        local = 'local' if self.host_of(name) == number else ''
                        for address in self.pods[name].addresses:
                            f.write('endpoint %s 8080 %s %s\n' % (address, local, flags))
            results.append([int(n) for n in driver('sync', path).split()])
        return results

    def places(self):
        return [self.pods['a'], self.pods['c'], self.network[1], self.network[2]]


@pytest.fixture
def cluster(test_id, two_hosts):
    made = Cluster(test_id, two_hosts)
    yield made
    made.close()


def names(answers):
    return collections.Counter(answer.split()[0] for answer in answers)


@pytest.mark.parametrize('kind', ['tcp', 'udp'])
def test_cluster_ip(cluster, kind):
    cluster.sync(('d/web: %s 80 %s,%s' % (kind, SERVICE, SERVICE6), 'a b c'))
    for place in cluster.places():
        for address in (SERVICE, SERVICE6):
            assert set(names(ask(place, kind, address, 80, count=40))) == {'a', 'b', 'c'}
    # A pod that asks for another is seen as itself; what comes from a host is hidden behind the host that translated.
    cluster.sync(('d/web: %s 80 %s,%s' % (kind, SERVICE, SERVICE6), 'b'))
    assert ask(cluster.pods['a'], kind, SERVICE, 80) == 'b ' + cluster.pods['a'].address
    assert ask(cluster.pods['c'], kind, SERVICE6, 80) == 'b ' + cluster.pods['c'].addresses[1]
    assert ask(cluster.network[2], kind, SERVICE, 80) == 'b ' + cluster.network[2].address


def test_balance(cluster):
    cluster.sync(('d/web: tcp 80 ' + SERVICE, 'a b c'))
    counts = names(ask(cluster.pods['a'], 'tcp', SERVICE, 80, count=300))
    # 300 draws of a third: outside 60 to 140 once in many millions.
    assert sum(counts.values()) == 300 and all(60 < counts[name] < 140 for name in 'abc'), counts


def test_hairpin(cluster):
    cluster.sync(('d/web: tcp 80 %s,%s node=30080' % (SERVICE, SERVICE6), 'a'))
    for address in (SERVICE, SERVICE6):
        assert ask(cluster.pods['a'], 'tcp', address, 80).startswith('a ')
    assert ask(cluster.pods['a'], 'tcp', cluster.network[1].address, 30080).startswith('a ')
    assert ask(cluster.pods['a'], 'tcp', cluster.network[2].address, 30080).startswith('a ')


def test_node_port(cluster):
    cluster.sync(('d/web: tcp 80 %s,%s node=30080' % (SERVICE, SERVICE6), 'a c'))
    for place in cluster.places():
        for host in cluster.network.hosts:
            for address in (host.address, host.address6):
                assert set(names(ask(place, 'tcp', address, 30080, count=20))) == {'a', 'c'}, (place, address)
    assert ask(cluster.network[1], 'tcp', '127.0.0.1', 30080) == 'ECONNREFUSED'


def test_rejection(cluster):
    lines = [('d/none: tcp 80 %s,%s node=30080' % (SERVICE, SERVICE6), 'a:notready'), ('d/web: tcp 80 10.96.0.11', 'a')]
    cluster.sync(*lines)
    for place in cluster.places():
        for address in (SERVICE, SERVICE6):
            assert ask(place, 'tcp', address, 80) == 'ECONNREFUSED'
        assert ask(place, 'tcp', cluster.network[1].address, 30080) == 'ECONNREFUSED'
        assert ask(place, 'tcp', '10.96.0.11', 81) == 'ECONNREFUSED'        # a port the service does not have
        # The kernel tells a host's own UDP socket at once and in its own words.
        assert ask(place, 'udp', SERVICE, 80) == ('EPERM' if place in cluster.network.hosts else 'ECONNREFUSED')
    cluster.sync(('d/none: tcp 80 ' + SERVICE, 'a'))
    assert ask(cluster.pods['c'], 'tcp', SERVICE, 80).startswith('a ')


def test_external_ip(cluster):
    cluster.sync(('d/web: tcp 80 %s external=203.0.113.7' % SERVICE, 'a c'))
    for place in cluster.places():
        assert set(names(ask(place, 'tcp', '203.0.113.7', 80, count=20))) == {'a', 'c'}


def test_external_policy_local(cluster):
    line = 'd/web: tcp 80 %s,%s node=30080 external=203.0.113.7 etp=local' % (SERVICE, SERVICE6)
    cluster.sync((line, 'a'))
    outside, first = cluster.network[2], cluster.network[1]
    # The client is seen as it is; a host without an endpoint drops; from inside the cluster every host serves.
    assert ask(outside, 'tcp', first.address, 30080) == 'a ' + outside.address
    assert ask(outside, 'tcp', first.address6, 30080) == 'a ' + outside.address6
    assert ask(first, 'tcp', outside.address, 30080) == 'timeout'
    assert ask(cluster.pods['c'], 'tcp', outside.address, 30080) == 'a ' + cluster.pods['c'].address
    assert ask(outside, 'tcp', outside.address, 30080).startswith('a ')
    assert ask(cluster.pods['c'], 'tcp', '203.0.113.7', 80) == 'a ' + cluster.pods['c'].address
    cluster.sync((line, ''))
    assert ask(outside, 'tcp', first.address, 30080) == 'ECONNREFUSED'


def test_internal_policy_local(cluster):
    cluster.sync(('d/web: tcp 80 %s itp=local' % SERVICE, 'a b'))
    assert set(names(ask(cluster.pods['a'], 'tcp', SERVICE, 80, count=20))) == {'a', 'b'}
    assert ask(cluster.pods['c'], 'tcp', SERVICE, 80) == 'timeout'


@pytest.mark.parametrize('address', [SERVICE, SERVICE6, 'node'])
def test_affinity(cluster, address):
    line = 'd/web: tcp 80 %s,%s node=30080 affinity=2' % (SERVICE, SERVICE6)
    port = 80
    if address == 'node':
        address, port = cluster.network[1].address, 30080
    cluster.sync((line, 'a b c'))
    client = cluster.pods['c']
    chosen = list(names(ask(client, 'tcp', address, port, count=30)))
    assert len(chosen) == 1
    # It stays while others come and go, moves when its endpoint goes, and stays again.
    others = [name for name in 'abc' if name != chosen[0]]
    cluster.sync((line, ' '.join(chosen + others[:1])))
    assert set(names(ask(client, 'tcp', address, port, count=10))) == set(chosen)
    cluster.sync((line, ' '.join(others)))
    moved = set(names(ask(client, 'tcp', address, port, count=20)))
    assert len(moved) == 1 and moved < set(others)
    # A pause longer than the time ends it: over several pauses another endpoint is drawn.
    cluster.sync((line, 'a b c'))

    def drawn_again():
        for host in cluster.network.hosts:
            wait.until(lambda h=host: 'expires' not in h.run('nft', 'list', 'ruleset').out, 'entries end')
        return set(names(ask(client, 'tcp', address, port, count=2))) != moved
    wait.until(drawn_again, 'another endpoint is drawn', seconds=60)


def test_udp_entries_follow(cluster):
    """A UDP client that never stops must not be stuck to an endpoint that is gone, nor to nothing."""
    client, host = cluster.pods['c'], cluster.network[2]
    line = 'd/dns: udp 53 %s node=30053' % SERVICE
    cluster.sync((line, 'a'))
    for place, address, port in ((client, SERVICE, 53), (cluster.network[1], host.address, 30053), (host, SERVICE, 53)):
        assert ask(place, 'udp', address, port, source=40000).startswith('a ')
    results = cluster.sync((line, 'b'))
    assert results[1][2] >= 3
    for place, address, port in ((client, SERVICE, 53), (cluster.network[1], host.address, 30053), (host, SERVICE, 53)):
        assert ask(place, 'udp', address, port, source=40000).startswith('b ')
    assert cluster.sync((line, 'b c'))[1][2] == 0          # nothing stale, nothing deleted
    cluster.sync((line, ''))
    assert ask(client, 'udp', SERVICE, 53, source=40000) == 'ECONNREFUSED'
    cluster.sync()
    ask(client, 'udp', SERVICE, 53, source=40000)          # to nowhere, and an entry for that
    cluster.sync((line, 'a'))
    assert ask(client, 'udp', SERVICE, 53, source=40000).startswith('a ')


def test_unchanged_changes_nothing(cluster):
    lines = [('d/web: tcp 80 %s,%s node=30080 affinity=60' % (SERVICE, SERVICE6), 'a b c'), ('d/none: udp 80 10.96.0.12', '')]
    first = cluster.sync(*lines)
    assert all(result[0] > 0 and result[1] == 0 for result in first)
    assert cluster.sync(*lines) == [[0, 0, 0, 0]] * 2
    for result in cluster.sync():
        assert result[1] > 0 and result[0] == 0
    listing = cluster.network[1].run('nft', 'list', 'ruleset').out
    assert 'elements' not in listing and 'cluster-3' not in listing
    # One address, two services: the first by name has it, whatever the order.
    cluster.sync(('d/z: tcp 80 ' + SERVICE, 'c'), ('d/a: tcp 80 ' + SERVICE, 'a'))
    assert set(names(ask(cluster.pods['c'], 'tcp', SERVICE, 80, count=10))) == {'a'}


DAMAGE = ['delete table ip %s; delete table ip6 %s', 'flush table ip %s', 'flush map ip %s services', 'flush chain ip %s nat-prerouting',
          'delete element ip %s services { 10.96.0.10 . tcp . 80 }', 'delete table ip6 %s',
          'add rule ip %s common drop', 'add chain ip %s mine']


def test_damage_is_healed(cluster):
    driver, host = cluster.drivers[0], cluster.network[1]
    cluster.sync(('d/web: tcp 80 %s,%s' % (SERVICE, SERVICE6), 'a'))
    table = [line.split()[2] for line in host.run('nft', 'list', 'tables').out.splitlines() if 'proxy' in line][0]
    whole = host.run('nft', '-s', 'list', 'ruleset').out
    for damage in DAMAGE:
        host.run('nft', damage.replace('%s', table))
        driver('heal', 10)
        assert ask(cluster.pods['b'], 'tcp', SERVICE, 80).startswith('a '), damage
        assert ask(cluster.pods['b'], 'tcp', SERVICE6, 80).startswith('a '), damage
        assert sorted(host.run('nft', '-s', 'list', 'ruleset').out.split()) == sorted(whole.split()), damage
    # Also without a heal in between: the next sync finds it.
    host.run('nft', 'delete element ip %s services { 10.96.0.10 . tcp . 80 }' % table)
    cluster.sync(('d/web: tcp 80 %s,%s' % (SERVICE, SERVICE6), 'a b'))
    assert set(names(ask(cluster.pods['b'], 'tcp', SERVICE, 80, count=20))) == {'a', 'b'}


def test_restart_adopts(cluster):
    line = ('d/web: tcp 80 %s,%s node=30080 affinity=60 etp=local' % (SERVICE, SERVICE6), 'a b')
    cluster.sync(line)
    before = cluster.network[1].run('nft', '-a', 'list', 'ruleset').out
    cluster.drivers[0].kill()
    assert ask(cluster.pods['a'], 'tcp', SERVICE, 80)[0] in 'ab'
    cluster.drivers[0] = Driver(cluster.network[1])
    cluster.drivers[0]('proxy-open', 'node1', CLUSTER)
    assert cluster.sync(line)[0] == [0, 0, 0, 0]
    assert 'table ip wherry' in before
    after = cluster.network[1].run('nft', '-a', 'list', 'ruleset').out
    handles = [text[text.index('table ip wherry'):].split('\n')[0] for text in (before, after)]
    assert handles[0] == handles[1]                # the same table, not one like it
    # Another range of pods is another skeleton, which replaces it.
    cluster.drivers[0]('proxy-close')
    cluster.drivers[0]('proxy-open', 'node1', '10.244.0.0/17')
    assert cluster.sync(line)[0][0] > 0
    assert ask(cluster.pods['a'], 'tcp', SERVICE, 80)[0] in 'ab'


def test_reset_leaves_nothing(cluster):
    cluster.sync(('d/web: tcp 80 ' + SERVICE, 'a'))
    cluster.drivers[0]('proxy-reset', 'node1')
    assert 'proxy' not in cluster.network[1].run('nft', 'list', 'tables').out
    cluster.drivers[0]('proxy-reset', 'node1')
