"""Fixtures and reports of every test with whole processes; what they are made of is in lib/."""
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib import proc, wait                        # noqa: E402
from lib.cluster import Server                    # noqa: E402
from lib.hosts import Network                     # noqa: E402
from lib.testid import TestId                     # noqa: E402

TEST_SECONDS = 90
LOG_LINES = 120


@pytest.fixture
def test_id():
    """Names of this test's own, and their removal."""
    with TestId() as made:
        yield made


@pytest.fixture(scope='module')
def module_id():
    """The same for what the tests of a file share."""
    with TestId() as made:
        yield made


@pytest.fixture(scope='module')
def server(module_id):
    """A control plane without a node, shared by the tests of a file: each works in a namespace of its own."""
    with Server(module_id) as made:
        yield made


@pytest.fixture
def kubectl(server):
    """kubectl as administrator of that server."""
    return server.kubectl


@pytest.fixture
def namespace(server, test_id):
    """A namespace of this test's own."""
    name = 'test-' + test_id.word
    api = server.api()
    api.create('/api/v1/namespaces', {'metadata': {'name': name}})
    yield name
    api.delete('/api/v1/namespaces/' + name)


@pytest.fixture
def two_hosts(test_id):
    """Two hosts on one switch; needs root."""
    if os.geteuid():
        pytest.skip('needs root, for network namespaces')
    with Network(test_id, 2) as made:
        yield made


class OutOfTime(Exception):
    """A test ran longer than TEST_SECONDS."""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """Bounds a test with its fixtures, so that one that hangs fails and still cleans up."""
    marker = item.get_closest_marker('seconds')
    seconds = int((marker.args[0] if marker else TEST_SECONDS) * wait.SLOW)

    def late(*_):
        raise OutOfTime('the test ran longer than %d s' % seconds)
    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failing test's report carries the end of the log of every process it started."""
    report = (yield).get_result()
    if report.failed:
        for process in proc.LIVE:
            lines = process.text().splitlines()
            report.sections.append(('log of %s (pid %d%s)' % (process.name, process.pid, '' if process.alive else ', ended'),
                                    '\n'.join(lines[-LOG_LINES:])))


def pytest_configure(config):
    config.addinivalue_line('markers', 'seconds(n): the test may take n seconds instead of %d' % TEST_SECONDS)
