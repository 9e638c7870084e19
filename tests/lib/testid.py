"""Names that belong to one test: ports, folders, network namespaces, cgroups.

Everything a test makes outside its own process carries the test's id, so that several runs share a machine and a test cleans
up what is its own and nothing else.  WHERRY_TEST_ID fixes the first part of the id; by default it is random.
"""
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

RUN = os.environ.get('WHERRY_TEST_ID') or ''.join(random.choices('bcdfghjkmnpqrtvwxz', k=5))
FIRST_PORT, LAST_PORT = 20000, 29999          # below what the kernel hands out by itself
_made = 0


class TestId:
    """One test's names.  close() removes all that was made through it; so does leaving a with block."""
    __test__ = False

    def __init__(self):
        global _made
        _made += 1
        self.word = '%s%x%s' % (RUN, os.getpid(), 'abcdefghijklmnopqrstuvwxyz'[_made % 26] + str(_made))
        self.path = tempfile.mkdtemp(prefix='wherry-%s-' % self.word)
        os.chmod(self.path, 0o755)            # a server that dropped its rights passes through it
        self._locks = []
        self._cgroups = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def folder(self, name, mode=0o755):
        """A new folder below the test's own."""
        path = os.path.join(self.path, name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        return path

    def port(self):
        """A TCP and UDP port that no other test uses: held by a locked file, which the kernel lets go when we die."""
        folder = os.path.join(tempfile.gettempdir(), 'wherry-test-ports')
        os.makedirs(folder, exist_ok=True)
        start = random.randrange(FIRST_PORT, LAST_PORT)
        for port in list(range(start, LAST_PORT)) + list(range(FIRST_PORT, start)):
            lock = os.open(os.path.join(folder, str(port)), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, kind) as s:
                        s.bind(('127.0.0.1', port))
            except OSError:
                os.close(lock)
                continue
            self._locks.append(lock)
            return port
        raise RuntimeError('no port is free')

    def netns(self, name):
        """The name of a network namespace (lib/hosts.py makes it)."""
        return 'wherry-%s-%s' % (self.word, name)

    def cgroup_root(self, name):
        """A cgroup path of this test's own, removed with everything in it at the end."""
        path = '/wherry-%s-%s' % (self.word, name)
        self._cgroups.append(path)
        return path

    def close(self):
        for path in self._cgroups:
            remove_cgroup(path)
        unmount_below(self.path)
        shutil.rmtree(self.path, ignore_errors=True)
        for lock in self._locks:
            os.close(lock)
        self._locks, self._cgroups = [], []


def _mounts():
    with open('/proc/self/mountinfo', encoding='utf-8') as f:
        for line in f:
            fields = line.split()
            yield fields[4].encode().decode('unicode_escape'), fields[fields.index('-') + 1]


def unmount_below(folder):
    """Unmounts everything mounted below a folder, deepest first."""
    for _ in range(10):
        points = [point for point, _ in _mounts() if point.startswith(folder + '/')]
        if not points:
            return
        for point in sorted(points, key=len, reverse=True):
            subprocess.run(['umount', '-l', point], check=False, stderr=subprocess.DEVNULL)


def remove_cgroup(path):
    """Ends what still runs in a cgroup of ours and removes it from every hierarchy, depth first."""
    for mount in [point for point, kind in _mounts() if kind in ('cgroup', 'cgroup2')]:
        top = mount + path
        for folder, _, _ in os.walk(top, topdown=False):
            deadline = time.monotonic() + 5
            while os.path.isdir(folder):
                try:
                    with open(folder + '/cgroup.procs', encoding='utf-8') as f:
                        for pid in f.read().split():
                            os.kill(int(pid), signal.SIGKILL)
                    os.rmdir(folder)
                except ProcessLookupError:
                    pass
                except OSError:
                    if time.monotonic() > deadline:
                        break
                    time.sleep(0.02)
