"""The network engines under test, driven through pipes (tests/e2e/net_driver.h), and pods as bare namespaces."""
import os
import select
import subprocess

from lib import proc, wait
from lib.cluster import ROOT


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
            self.popen.wait(10)
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
