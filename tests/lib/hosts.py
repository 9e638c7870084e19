"""Hosts as network namespaces on one switch, which is a bridge in a namespace of its own.

Nothing of the machine's own network is touched and no route leads out.  Hosts share the machine's mounts, cgroups and /run,
so each node still gets folders and a cgroup root of its own (lib/testid.py).
"""
import os

from lib import proc

PREFIX4, PREFIX6 = '192.168.77.', 'fd77::'


class Host:
    """One host: run() and start() put programs into its network."""

    def __init__(self, network, number):
        self.network, self.number = network, number
        self.netns = network.test_id.netns('h%d' % number)
        self.address, self.address6 = PREFIX4 + str(number), PREFIX6 + str(number)

    def run(self, *command, **kwargs):
        return proc.run(command, netns=self.netns, **kwargs)

    def start(self, *command, **kwargs):
        return proc.Process(command, self.network.test_id.folder('hosts'), netns=self.netns, **kwargs)

    def unplug(self):
        """Takes its cable out: the host lives on, nobody hears it."""
        proc.run(['ip', '-n', self.network.switch, 'link', 'set', 'port%d' % self.number, 'down'])

    def plug(self):
        proc.run(['ip', '-n', self.network.switch, 'link', 'set', 'port%d' % self.number, 'up'])


class Network:
    """`count` hosts that reach each other, numbered from 1.  Their default route is the switch, which forwards nothing."""

    def __init__(self, test_id, count):
        self.test_id, self.switch, self.hosts, self._made = test_id, test_id.netns('sw'), [], []
        try:
            self._namespace(self.switch)
            self._ip(self.switch, 'link', 'add', 'br0', 'type', 'bridge')
            self._ip(self.switch, 'addr', 'add', PREFIX4 + '254/24', 'dev', 'br0')
            self._ip(self.switch, 'addr', 'add', PREFIX6 + 'ffff/64', 'dev', 'br0', 'nodad')
            self._ip(self.switch, 'link', 'set', 'br0', 'up')
            for number in range(1, count + 1):
                self._add(Host(self, number))
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __getitem__(self, number):
        return self.hosts[number - 1]

    @staticmethod
    def _ip(netns, *args):
        proc.run(['ip', '-n', netns, *args])

    def _namespace(self, name):
        proc.run(['ip', 'netns', 'add', name])
        self._made.append(name)
        self._ip(name, 'link', 'set', 'lo', 'up')

    def _add(self, host):
        port = 'port%d' % host.number
        self._namespace(host.netns)
        self._ip(self.switch, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host.netns)
        self._ip(self.switch, 'link', 'set', port, 'master', 'br0')
        self._ip(self.switch, 'link', 'set', port, 'up')
        self._ip(host.netns, 'addr', 'add', host.address + '/24', 'dev', 'eth0')
        self._ip(host.netns, 'addr', 'add', host.address6 + '/64', 'dev', 'eth0', 'nodad')
        self._ip(host.netns, 'link', 'set', 'eth0', 'up')
        self._ip(host.netns, 'route', 'add', 'default', 'via', PREFIX4 + '254')
        self.hosts.append(host)

    def close(self):
        """Removes the namespaces.  Processes must have been stopped before: they keep a namespace alive without its name."""
        for name in reversed(self._made):
            if os.path.exists('/run/netns/' + name):
                proc.run(['ip', 'netns', 'del', name], check=False)
        self._made, self.hosts = [], []
