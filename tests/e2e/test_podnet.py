"""The built-in pod network between two hosts: addresses, reachability, masquerade, host ports, adoption, reset."""
import os

import pytest

from lib import proc
from lib.netdriver import CIDRS, Driver, DriverError, Pod, ask, open_node, open_nodes, serve, state


@pytest.fixture
def nodes(test_id, two_hosts):
    """A pod network on each of two hosts, with routes."""
    drivers = open_nodes(test_id, two_hosts)
    yield drivers
    for driver in drivers:
        driver.close()


def test_pods_reach_each_other(test_id, two_hosts, nodes):
    with Pod(test_id, nodes[0], 'a') as a, Pod(test_id, nodes[0], 'b') as b, Pod(test_id, nodes[1], 'c') as c:
        assert a.addresses == ['10.244.1.2', 'fd44:0:0:1::2']
        assert b.addresses == ['10.244.1.3', 'fd44:0:0:1::3']
        serve(a, 'a', 'tcp:80', 'udp:80')
        # Same host, other host, the host itself: and in every case a pod sees the true source.
        for kind in ('tcp', 'udp'):
            assert ask(b, kind, a.address, 80) == 'a ' + b.address
            assert ask(c, kind, a.address, 80) == 'a ' + c.address
            assert ask(c, kind, a.addresses[1], 80) == 'a ' + c.addresses[1]
        assert ask(two_hosts[1], 'tcp', a.address, 80) == 'a 10.244.1.1'
        assert ask(two_hosts[2], 'tcp', a.address, 80) == 'a ' + two_hosts[2].address


def test_masquerade_outside_the_cluster(test_id, two_hosts, nodes):
    with Pod(test_id, nodes[0], 'a') as a:
        with serve(two_hosts[2], 'host', 'tcp:81'):
            assert ask(a, 'tcp', two_hosts[2].address, 81) == 'host ' + two_hosts[1].address
            assert ask(a, 'tcp', two_hosts[2].address6, 81) == 'host ' + two_hosts[1].address6


def test_host_ports(test_id, two_hosts, nodes):
    with Pod(test_id, nodes[0], 'a') as a, Pod(test_id, nodes[0], 'b') as b, Pod(test_id, nodes[1], 'c') as c:
        serve(a, 'a', 'tcp:80', 'udp:53')
        nodes[0]('host-ports', 'a', 'tcp:8080:80', 'udp:5353:53', 'tcp:8081:80:' + two_hosts[1].address)
        for place in (two_hosts[1], two_hosts[2], b, c):
            assert ask(place, 'tcp', two_hosts[1].address, 8080).startswith('a ')
            assert ask(place, 'udp', two_hosts[1].address, 5353).startswith('a ')
            assert ask(place, 'tcp', two_hosts[1].address, 8081).startswith('a ')
        assert ask(a, 'tcp', two_hosts[1].address, 8080).startswith('a ')      # itself, by way of the host
        assert ask(two_hosts[2], 'tcp', two_hosts[1].address6, 8080).startswith('a ')
        assert ask(two_hosts[2], 'tcp', two_hosts[1].address, 8082) == 'ECONNREFUSED'
        with pytest.raises(DriverError, match='host port 8080 is taken by a'):
            nodes[0]('host-ports', 'b', 'tcp:8080:80')
        # Someone's flush is healed by the next change, and a restart brings all of it back.
        two_hosts[1].run('nft', 'flush', 'ruleset')
        nodes[0]('host-ports', 'b', 'tcp:9090:80')
        assert ask(two_hosts[2], 'tcp', two_hosts[1].address, 8080).startswith('a ')
        nodes[0]('podnet-close')
        open_node(nodes[0], test_id, 1)
        assert ask(two_hosts[2], 'tcp', two_hosts[1].address, 8080).startswith('a ')
        nodes[0]('detach', 'a')
        assert ask(two_hosts[2], 'tcp', two_hosts[1].address, 8080) == 'ECONNREFUSED'


def test_restart_adopts(test_id, two_hosts, nodes):
    with Pod(test_id, nodes[0], 'a') as a, Pod(test_id, nodes[0], 'b') as b:
        b.vanish(two_hosts[1])
        nodes[0].kill()
        with Driver(two_hosts[1]) as driver:
            open_node(driver, test_id, 1)
            assert sorted(driver('adopt').split()) == ['a=%s,present' % ','.join(a.addresses), 'b=%s,absent' % ','.join(b.addresses)]
            with Pod(test_id, driver, 'c') as c:
                assert c.address == '10.244.1.4'
                assert ask(c, 'tcp', a.address, 80) == 'ECONNREFUSED'
            driver('detach', 'b')
            driver('detach', 'b')
            assert 'b=' not in driver('adopt')


def test_attach_twice_and_bad_calls(test_id, two_hosts, nodes):
    with Pod(test_id, nodes[0], 'a') as a:
        assert nodes[0]('attach', '/run/netns/' + a.netns, 'a').split(',') == a.addresses
        with pytest.raises(DriverError, match='not a name'):
            nodes[0]('attach', '/run/netns/' + a.netns, '../a')
        # eth0 is taken in there: nothing of the second attachment stays.
        with pytest.raises(DriverError, match='create link'):
            nodes[0]('attach', '/run/netns/' + a.netns, 'b')
        assert nodes[0]('adopt').split() == ['a=%s,present' % ','.join(a.addresses)]
        with Driver(two_hosts[1]) as second, pytest.raises(DriverError, match='in use by another process'):
            open_node(second, test_id, 1)


def test_full_range(test_id, two_hosts):
    with Driver(two_hosts[1]) as driver:
        driver('podnet-open', 'small', state(test_id, 1), '10.9.0.0/30', '10.9.0.0/16')
        with Pod(test_id, driver, 'a'):
            with pytest.raises(DriverError, match='no free address'):
                Pod(test_id, driver, 'b')
            driver('detach', 'a')
        with Pod(test_id, driver, 'b') as b:
            assert b.address == '10.9.0.2'


def test_routes_follow_nodes(two_hosts, nodes):
    def routes():
        return two_hosts[1].run('ip', 'route', 'show', 'proto', '87').out.split('\n')[:-1]

    assert routes() == ['10.244.2.0/24 via %s dev eth0 ' % two_hosts[2].address]
    two_hosts[1].run('ip', 'route', 'del', '10.244.2.0/24')
    nodes[0]('routes', 'node2=%s=%s' % (CIDRS[1], two_hosts[2].address))
    assert routes() == ['10.244.2.0/24 via %s dev eth0 ' % two_hosts[2].address]
    # One the kernel cannot take does not stop the other.
    with pytest.raises(DriverError, match='set route to 10.244.7.0/24'):
        nodes[0]('routes', 'far=10.244.7.0/24=203.0.113.9', 'node3=10.244.3.0/24=192.168.77.3')
    assert routes() == ['10.244.3.0/24 via 192.168.77.3 dev eth0 ']
    nodes[0]('routes')
    assert routes() == []


def test_reset_leaves_nothing(test_id, two_hosts, nodes):
    before = proc.run(['ip', '-o', 'link'], netns=two_hosts[2].netns).out
    with Pod(test_id, nodes[0], 'a'):
        nodes[0]('host-ports', 'a', 'tcp:8080:80')
        nodes[0]('podnet-reset', 'node1', state(test_id, 1))
        links = two_hosts[1].run('ip', '-o', 'link').out.splitlines()
        assert [line.split(':')[1].split('@')[0].strip() for line in links] == ['lo', 'eth0'], links
        assert two_hosts[1].run('nft', 'list', 'tables').out == ''
        assert two_hosts[1].run('ip', 'route', 'show', 'proto', '87').out == ''
        assert not os.path.exists(state(test_id, 1))
        nodes[0]('podnet-reset', 'node1', state(test_id, 1))
    assert proc.run(['ip', '-o', 'link'], netns=two_hosts[2].netns).out == before
