"""Processes of a test: started with their output in files, waited for on a pidfd, stopped by that and nothing else."""
import ctypes
import os
import re
import select
import signal
import subprocess
import time

from lib import wait

PR_SET_PDEATHSIG = 1
SANITIZER = re.compile(r'ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|: runtime error: ')
LIVE = []          # those started and not closed, for the report of a failing test
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """A program running in the background.  `log` is its standard error, `output` its standard output."""

    def __init__(self, command, folder, name=None, env=None, netns=None, user=None, cwd=None):
        self.command = list(map(str, command))
        if netns:
            # Not `ip netns exec`, which mounts a /sys of its own and hides the cgroups.
            self.command = ['nsenter', '--net=/run/netns/' + netns, '--'] + self.command
        self.name = name or os.path.basename(command[0])
        stem = os.path.join(folder, self.name)
        self.log, self.output = stem + '.log', stem + '.out'
        with open(self.log, 'ab') as log, open(self.output, 'ab') as output:
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=log, cwd=cwd, user=user,
                                          env={**os.environ, **(env or {})}, start_new_session=True, preexec_fn=_die_with_parent)
        self.pid = self.popen.pid
        self.pidfd = os.pidfd_open(self.pid)
        LIVE.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def alive(self):
        return self.pidfd >= 0 and not select.select([self.pidfd], [], [], 0)[0]

    def kill(self, number=signal.SIGKILL):
        if self.alive:
            signal.pidfd_send_signal(self.pidfd, number)

    def wait(self, seconds=10):
        """The exit status; negative for a signal."""
        if not select.select([self.pidfd], [], [], seconds * wait.SLOW)[0]:
            raise wait.Timeout('%s did not end within %g s' % (self.name, seconds * wait.SLOW))
        return self.popen.wait()

    def stop(self, seconds=10):
        """Asks it to end and returns its status; ends it by force, and fails, when it does not."""
        self.kill(signal.SIGTERM)
        try:
            return self.wait(seconds)
        except wait.Timeout:
            self.kill()
            self.wait(5)
            raise

    def close(self):
        """Stops it however that goes; a test that cares how calls stop().  What a sanitizer has said fails the test."""
        if self.pidfd < 0:
            return
        try:
            self.stop(5)
        except wait.Timeout:
            pass
        os.close(self.pidfd)
        self.pidfd = -1
        LIVE.remove(self)
        # A test may have removed its folder already.
        said = self.text() if os.path.exists(self.log) else ''
        complaint = SANITIZER.search(said)
        assert not complaint, '%s: %s' % (self.name, said[complaint.start():][:20000])

    def text(self):
        """Its log so far."""
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return f.read()


class Result:
    """What a program that ended said."""

    def __init__(self, command, status, out, err, seconds):
        self.command, self.status, self.out, self.err, self.seconds = command, status, out, err, seconds

    def __repr__(self):
        return '%s\n  status %d\n  out: %s\n  err: %s' % (' '.join(self.command), self.status, self.out[-4000:], self.err[-4000:])

    @property
    def ok(self):
        return self.status == 0


def family(pid):
    """A process and all below it."""
    found = [pid]
    for parent in found:
        for task in os.listdir('/proc/%d/task' % parent):
            with open('/proc/%d/task/%s/children' % (parent, task), encoding='utf-8') as f:
                found += map(int, f.read().split())
    return found


def rollup(pids, keys):
    """Sums of smaps_rollup fields, in MB."""
    total = dict.fromkeys(keys, 0)
    for pid in pids:
        with open('/proc/%d/smaps_rollup' % pid, encoding='utf-8') as f:
            for key, value in re.findall(r'^(\w+): +(\d+) kB', f.read(), re.M):
                if key in total:
                    total[key] += int(value) / 1024
    return total


def run(command, stdin=None, env=None, netns=None, seconds=30, check=True, cwd=None):
    """Runs a program to its end; with check, one that fails fails the test with all it said."""
    command = list(map(str, command))
    if netns:
        command = ['nsenter', '--net=/run/netns/' + netns, '--'] + command
    began = time.monotonic()
    try:
        done = subprocess.run(command, input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, text=True,
                              errors='replace', env={**os.environ, **(env or {})}, timeout=seconds * wait.SLOW, check=False, cwd=cwd)
    except subprocess.TimeoutExpired as late:
        raise wait.Timeout('%s did not end within %g s; out: %r err: %r' % (' '.join(command), late.timeout, late.stdout, late.stderr)) from None
    result = Result(command, done.returncode, done.stdout, done.stderr, time.monotonic() - began)
    assert not check or result.ok, result
    return result


def children(parent):
    """Name to pid of a process's children that live."""
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/stat' % pid, encoding='utf-8') as f:
                before, after = f.read().rsplit(')', 1)
        except OSError:
            continue
        if int(after.split()[1]) == parent and after.split()[0] != 'Z':
            found[before.split('(', 1)[1]] = int(pid)
    return found
