"""The store's process is killed under load, twenty times over one folder.

Every acknowledged write is there, in order and with its value; no revision is given out twice; a watch resumes from what its
client saw last, or is told that it is gone.  Once more while compaction never rests.
"""
import os
import random
import re
import subprocess

import pytest

from lib import proc, wait
from lib.cluster import ROOT

KILLS = 20


def driver():
    program = os.path.join(os.environ.get('B') or os.path.join(ROOT, 'build'), 'tests/server/store_driver')
    assert os.access(program, os.X_OK), 'the program %s is not there: make build' % program
    return program


def load(folder, seed, enough, mode='load'):
    """Runs a load until `enough` writes are acknowledged, kills it, and returns (revision at start, acknowledged writes)."""
    with subprocess.Popen([driver(), mode, folder, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            lines = [process.stdout.readline() for _ in range(enough)]
        finally:
            process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
    # The kill may have cut the last line: a write whose acknowledgement nobody read.
    lines = [line.decode().split() for line in lines if line.endswith(b'\n')]
    assert lines and lines[0][0] == 'open', lines[:3]
    return int(lines[0][1]), [(int(revision), key, value) for revision, key, value in lines[1:]]


def show(folder, revision):
    """Opens the store and returns (newest revision, {key: (revision, value)}, events after `revision` or None, bytes it has)."""
    newest, records, events, size = 0, {}, [], 0
    for line in proc.run([driver(), 'show', folder, str(revision)]).out.splitlines():
        word, *rest = line.split()
        if word == 'open':
            newest = int(rest[0])
        elif word == 'segments':
            size = int(rest[1])
        elif word == 'record':
            records[rest[1]] = (int(rest[0]), rest[2])
        elif word == 'event':
            events.append((int(rest[0]), rest[1], rest[2]))
        else:
            events = None
    return newest, records, events, size


def test_killed_under_load(test_id):
    folder = os.path.join(test_id.folder('store'), 'log')
    dice = random.Random(int.from_bytes(os.urandom(4), 'big'))
    state, seen, last = {}, 1, 1
    for kill in range(KILLS):
        start, acknowledged = load(folder, dice.randrange(1 << 32), dice.randrange(2, 3000))
        assert start >= last, 'round %d: revisions before %d were given out' % (kill, last)
        revisions = [revision for revision, _, _ in acknowledged]
        assert revisions == sorted(set(revisions)), 'round %d: a revision twice' % kill
        assert not revisions or revisions[0] > start

        newest, records, events, _ = show(folder, seen)
        assert events is not None, 'round %d: the watch from %d was turned away' % (kill, seen)
        assert [e[0] for e in events] == sorted({e[0] for e in events})
        missing = set(acknowledged) - set(events)
        assert not missing, 'round %d: acknowledged and gone: %s' % (kill, sorted(missing)[:5])
        assert newest >= max([last] + revisions)
        for revision, key, value in events:
            state[key] = (revision, value)
        assert records == {key: found for key, found in state.items() if found[1] != '-'}
        # From between what was written and where the counter jumped to: such a revision may stand for a lost write.
        if events and newest > events[-1][0] + 1:
            assert show(folder, events[-1][0] + 1)[2] is None
        seen, last = (events[-1][0] if events else seen), newest


def test_killed_while_compacting(test_id):
    """Segments are merged all the time; the window reaches no further back than the writes in flight."""
    folder = os.path.join(test_id.folder('store'), 'log')
    dice = random.Random(int.from_bytes(os.urandom(4), 'big'))
    state, last, written = {}, 1, 0
    for kill in range(KILLS):
        start, acknowledged = load(folder, dice.randrange(1 << 32), dice.randrange(500, 6000), 'churn')
        assert start >= last and acknowledged[0][0] > start, 'round %d: revisions before %d were given out' % (kill, last)
        newest, records, events, size = show(folder, acknowledged[-1][0])
        assert events is not None, 'round %d: the watch from %d was turned away' % (kill, acknowledged[-1][0])
        for revision, key, value in acknowledged + events:
            state[key] = (revision, value)
        assert records == {key: found for key, found in state.items() if found[1] != '-'}, 'round %d' % kill
        written += 400 * len(acknowledged)
        last = newest
    # 50 KB live, 256 KB are within the window; how much the kill left undone is a matter of luck.
    assert size < written / 2, '%d bytes of %d' % (size, written)


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root, for a mount of its own')
def test_full_disk(test_id):
    """A file system of 1 MiB, in a mount namespace that goes with its process."""
    disk = test_id.folder('disk')
    script = 'mount -t tmpfs -o size=1m none "$1" && head -c 300000 /dev/zero > "$1/log.ballast" && exec "$2" fill "$1/log" "$3"'
    out = proc.run(['unshare', '-m', 'sh', '-c', script, 'sh', disk, driver(), str(int(30 * wait.SLOW))], seconds=60).out
    _, refused, went_on = out.splitlines()
    assert re.fullmatch(r'refused \d{3} .*No space left on device.*', refused), out
    assert went_on.startswith('went on '), out


def test_one_process_at_a_time(test_id):
    folder = os.path.join(test_id.folder('store'), 'log')
    with subprocess.Popen([driver(), 'load', folder, '1'], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        second = proc.run([driver(), 'show', folder, '1'], check=False)
        process.kill()
        process.stdout.read()
    assert not second.ok and 'in use by another process' in second.err, second
    wait.until(lambda: proc.run([driver(), 'show', folder, '1'], check=False).ok, 'the lock goes with its process')
