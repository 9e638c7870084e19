"""The network engines under test, driven through pipes (tests/e2e/net_driver.h), and pods as bare namespaces."""
import os
import select
import subprocess

from lib import proc, wait
from lib.cluster import ROOT

E2E = os.path.join(ROOT, 'tests', 'e2e')
CLUSTER = '10.244.0.0/16,fd44::/48'
CIDRS = ['10.244.1.0/24,fd44:0:0:1::/64', '10.244.2.0/24,fd44:0:0:2::/64']      # of the first host and the second


def built(path):
    """A test program in the build folder."""
    program = os.path.join(os.environ.get('B') or os.path.join(ROOT, 'build'), path)
    assert os.access(program, os.X_OK), 'the program %s is not there: make build' % program
    return program


class DriverError(Exception):
    """The engine's error message."""


class Driver:
    """One driver in a host's namespace.  Calling it sends a line and returns what follows `ok`."""

    def __init__(self, host):
        self.popen = subprocess.Popen(['nsenter', '--net=/run/netns/' + host.netns, '--', built('tests/e2e/net_driver')],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __call__(self, *words, seconds=20):
        self.popen.stdin.write(' '.join(map(str, words)) + '\n')
        self.popen.stdin.flush()
        if not select.select([self.popen.stdout], [], [], seconds * wait.SLOW)[0]:
            raise wait.Timeout('no answer to %s' % (words,))
        answer = self.popen.stdout.readline().rstrip('\n')
        if answer.startswith('error '):
            raise DriverError(answer[len('error '):])
        assert answer == 'ok' or answer.startswith('ok '), 'the driver died at %s: %r' % (words, answer)
        return answer[3:]

    def kill(self):
        """As a crash would."""
        self.popen.kill()
        self.popen.wait()

    def close(self):
        if self.popen.poll() is None:
            self.popen.stdin.close()
            assert self.popen.wait(10) == 0
        self.popen.stdout.close()


class Pod:
    """A namespace attached to a host's pod network; what runs in it is the test's."""

    def __init__(self, test_id, driver, name):
        self.test_id, self.driver, self.name = test_id, driver, name
        self.netns = test_id.netns('p-' + name)
        self.processes = []
        proc.run(['ip', 'netns', 'add', self.netns])
        try:
            self.addresses = driver('attach', '/run/netns/' + self.netns, name).split(',')
        except BaseException:
            self.close()
            raise
        self.address = self.addresses[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, *command, **kwargs):
        return proc.run(command, netns=self.netns, **kwargs)

    def start(self, *command, **kwargs):
        process = proc.Process(command, self.test_id.folder('pod-' + self.name), netns=self.netns, **kwargs)
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            process.close()
        self.processes = []
        proc.run(['ip', 'netns', 'del', self.netns], check=False)

    def vanish(self, host):
        """The namespace goes away behind the engine's back, and with it the link to its host."""
        def links():
            return len(host.run('ip', '-o', 'link', 'show', 'type', 'veth').out.splitlines())
        before = links()
        self.close()
        # Its name goes at once; the kernel takes the links down some time after.
        wait.until(lambda: links() < before, 'the link of %s is gone' % self.name, seconds=30)


def serve(place, name, *ports):
    """An echo server in a pod or on a host; it says its name and who asks."""
    process = place.start('/usr/bin/python3', E2E + '/echo.py', name, *ports, name='echo-' + name)
    wait.until(lambda: 'ready' in open(process.output, encoding='utf-8').read(), 'echo server %s listens' % name)
    return process


def ask(place, kind, address, port, count=1, source=0):
    """What an echo server answers, or the name of the error; a list when asked more than once."""
    lines = place.run('/usr/bin/python3', E2E + '/ask.py', kind, address, port, count, source).out.splitlines()
    return lines[0] if count == 1 else lines


def state(test_id, number):
    return test_id.path + '/podnet%d' % number


def open_node(driver, test_id, number):
    driver('podnet-open', 'node%d' % number, state(test_id, number), CIDRS[number - 1], CLUSTER)


def open_nodes(test_id, network):
    """A driver with an open pod network on each of two hosts, and the routes between them."""
    drivers = [Driver(host) for host in network.hosts]
    try:
        for host in network.hosts:                 # a router asks for neighbours from its link-local address
            wait.until(lambda h=host: 'tentative' not in h.run('ip', '-6', 'addr').out, 'the host has a link-local address')
        for number, driver in enumerate(drivers, 1):
            open_node(driver, test_id, number)
        for driver in drivers:
            driver('routes', *['node%d=%s=%s,%s' % (n, CIDRS[n - 1], network[n].address, network[n].address6) for n in (1, 2)])
    except BaseException:
        for driver in drivers:
            driver.close()
        raise
    return drivers
