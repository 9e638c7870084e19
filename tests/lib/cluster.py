"""Servers of a test: the program's control plane, alone or with a node, on ports and folders of the test's own."""
import os
import ssl
import urllib.request

from lib import api, proc, wait
from lib.kubectl import Kubectl

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program():
    """The program under test: WHERRY_PROGRAM, or wherry in the build folder."""
    path = os.environ.get('WHERRY_PROGRAM') or os.path.join(os.environ.get('B') or os.path.join(ROOT, 'build'), 'wherry')
    assert os.access(path, os.X_OK), 'the program %s is not there: make build' % path
    return path


class Server:
    """`wherry server`.  stop() and start() again use the same data; close() ends it.

    With begin=False nothing runs until start()."""

    def __init__(self, test_id, name='server', address='127.0.0.1', netns=None, node=False, flags=(), data=None, env=None, begin=True, binary=None):
        self.test_id, self.name, self.address, self.netns, self.env = test_id, name, address, netns, env
        self.binary = binary or program()
        self.folder = test_id.folder(name)
        self.data = data or os.path.join(self.folder, 'data')
        self.port = test_id.port()
        self.kubeconfig = os.path.join(self.folder, 'admin.kubeconfig')
        self.flags = list(flags) if node else ['--no-node', *flags]
        self.process = None
        if begin:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def url(self):
        return 'https://%s:%d' % ('[%s]' % self.address if ':' in self.address else self.address, self.port)

    def start(self, ready=True, seconds=15):
        self.process = proc.Process(
            [self.binary, 'server', '--data-dir', self.data, '--bind-address', self.address, '--secure-port', self.port,
             '--write-kubeconfig', self.kubeconfig, *self.flags], self.folder, name=self.name, netns=self.netns, env=self.env)
        if ready:
            self.wait_ready(seconds)

    def wait_ready(self, seconds=15):
        """Until /readyz answers ok, over TLS that its own CA vouches for."""
        def ready():
            if not self.process.alive:
                raise SystemError('the server ended with status %d:\n%s' % (self.process.popen.wait(), self.process.text()[-3000:]))
            if self.netns:
                return self.kubectl('get', '--raw', '/readyz', check=False).out == 'ok'
            answer = self.api().get('/readyz')
            return answer.status == 200 and answer.body == b'ok'
        wait.until(ready, self.url + '/readyz says ok', seconds)

    def stop(self, seconds=15):
        """Ends it as a service manager would; its exit status."""
        status = self.process.stop(seconds)
        self.process.close()
        return status

    def kill(self):
        """Ends the supervisor without warning; its children go with it."""
        self.process.kill()
        self.process.wait()
        self.process.close()

    def close(self):
        if self.process:
            self.process.close()
            self.process = None

    def api(self, **kwargs):
        return api.Api(self.kubeconfig, **kwargs)

    @property
    def kubectl(self):
        return Kubectl(self.kubeconfig, self.test_id.folder('home'), netns=self.netns)


def anonymous_get(url, cafile=None):
    """An unauthenticated request, for probes; status and body."""
    context = ssl.create_default_context(cafile=cafile) if cafile else ssl._create_unverified_context()
    with urllib.request.urlopen(url, timeout=10 * wait.SLOW, context=context) as reply:
        return reply.status, reply.read()
