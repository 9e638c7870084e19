"""Waiting for a condition, never for a time.

WHERRY_SLOW multiplies every deadline: sanitizer builds and loaded machines.
"""
import os
import time

SLOW = float(os.environ.get('WHERRY_SLOW') or 1)


class Timeout(AssertionError):
    """The condition did not come true in time; the message has what was last seen."""


def until(condition, what, seconds=10):
    """Calls condition() until it returns something true, and returns that.

    An exception counts as not yet.  What was last seen, an exception or a false value, is in the message of a failure."""
    deadline, pause, seen = time.monotonic() + seconds * SLOW, 0.005, None
    while True:
        try:
            seen = condition()
            if seen:
                return seen
        except Exception as error:                # of any kind: a server that is not up yet fails in many ways
            seen = '%s: %s' % (type(error).__name__, error)
        if time.monotonic() > deadline:
            raise Timeout('after %g s still not: %s; last seen: %r' % (seconds * SLOW, what, seen))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
