"""Pulls from a real registry on loopback: by tag and digest, what is missing, nobody there, and that the content runs; and from a
node that has no way to it but the machine's own network."""
import os

import pytest

from lib import proc, runtime as rt, wait
from lib.image import Image
from lib.node import OneNode
from lib.registry import Authority, Registry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root, for containers')


@pytest.fixture
def registry(test_id):
    """A registry with one image in it: its address."""
    with Registry(test_id) as made:
        made.push('team/app:v1', Image('team/app:v1', cmd=['echo', 'from the registry']))
        yield made.address


@pytest.fixture
def runtime(test_id):
    made = rt.Runtime(test_id)
    try:
        yield made
    finally:
        made.close()
        assert made.leftovers() == []


def test_pull_and_run(runtime, registry):
    name = registry + '/team/app:v1'
    image_id = runtime.call('pull', image=name)['ref']
    image, = runtime.call('images')['items']
    assert (image['id'], image['tags']) == (image_id, [name])
    digest = image['digests'][0]
    assert digest.startswith(registry + '/team/app@sha256:')
    app = runtime.create(runtime.sandbox(), image=name)
    runtime.call('start', id=app)
    assert runtime.wait(app)['exit_code'] == 0
    assert ('stdout', 'F', 'from the registry') in runtime.log()
    assert runtime.call('pull', image=digest)['ref'] == image_id
    assert runtime.call('pull', image=name)['ref'] == image_id


def test_pull_failures(runtime, registry, test_id):
    for image, reason, text in ((registry + '/team/app:v2', 'NotFound', '/team/app:v2: not found'),
                                (registry + '/nothing', 'NotFound', 'failed to resolve reference'),
                                ('127.0.0.1:%d/x' % test_id.port(), 'ServiceUnavailable', 'failed to do request'),
                                ('NOT a name', 'Invalid', 'invalid reference format')):
        with pytest.raises(rt.RuntimeError_) as caught:
            runtime.call('pull', image=image)
        assert caught.value.reason == reason and text in str(caught.value)
    assert runtime.call('images')['items'] == []
    assert os.listdir(os.path.join(runtime.data, 'images', 'ingest')) == []


@pytest.fixture
def machine(test_id):
    """A namespace that is the machine's own network as a node in another one sees it: nothing leads there."""
    name = test_id.netns('machine')
    proc.run(['ip', 'netns', 'add', name])
    try:
        proc.run(['ip', '-n', name, 'link', 'set', 'lo', 'up'])
        yield name
    finally:
        proc.run(['ip', 'netns', 'del', name], check=False)


@pytest.fixture
def far_host(machine):
    """An address that is not loopback, where plain http is out of the question."""
    proc.run(['ip', '-n', machine, 'link', 'add', 'far', 'type', 'bridge'])
    proc.run(['ip', '-n', machine, 'addr', 'add', '192.0.2.7/24', 'dev', 'far'])
    proc.run(['ip', '-n', machine, 'link', 'set', 'far', 'up'])
    return '192.0.2.7'


@pytest.mark.parametrize('trusted', [True, False])
def test_https_and_whom_it_trusts(test_id, machine, far_host, trusted):
    authority = Authority(test_id, far_host)
    env = {'SSL_CERT_FILE': authority.ca} if trusted else {}
    with Registry(test_id, netns=machine, host=far_host, authority=authority) as registry:
        name = registry.push('team/app:v1', Image('team/app:v1', cmd=['true']))
        made = rt.Runtime(test_id, netns=machine, env=env)
        try:
            if trusted:
                assert made.call('pull', image=name)['ref'].startswith('sha256:')
                assert made.call('images')['items'][0]['tags'] == [name]
            else:
                with pytest.raises(rt.RuntimeError_) as caught:
                    made.call('pull', image=name)
                assert 'failed to do request' in str(caught.value) and 'certificate' in str(caught.value)
        finally:
            made.close()


def test_no_plain_http_but_on_loopback(test_id, machine, far_host):
    with Registry(test_id, netns=machine, host=far_host) as registry:
        name = registry.push('team/app:v1', Image('team/app:v1', cmd=['true']))
        made = rt.Runtime(test_id, netns=machine)
        try:
            with pytest.raises(rt.RuntimeError_) as caught:
                made.call('pull', image=name)
            assert 'failed to do request' in str(caught.value)
            assert made.call('images')['items'] == []
        finally:
            made.close()


@pytest.mark.seconds(150)
def test_a_node_in_a_namespace_pulls_through_the_machines_network(test_id, machine):
    with Registry(test_id, netns=machine) as registry, OneNode(test_id, 'local.test/box:1') as node:
        name = registry.push('team/app:v1', Image('team/app:v1', entrypoint=['/bin/sh', '-c']))
        node.apply('puller', [{'image': name, 'args': ['echo pulled; exec sleep 1000']}], restart='Always')
        waiting = ('get', 'pod', 'puller', '-o', 'jsonpath={.status.containerStatuses[0].state.waiting.reason}')
        wait.until(lambda: node.kubectl(*waiting).out in ('ErrImagePull', 'ImagePullBackOff'), 'the registry cannot be reached', 30)
        events = node.kubectl('get', 'events', '-o', 'jsonpath={.items[*].message}').out
        assert 'failed to do request' in events and 'Error: ErrImagePull' in events
        node.server.stop()
        node.server.flags += ['--host-netns', '/run/netns/' + machine]
        node.server.start()
        node.wait_phase('puller', 'Running')
        wait.until(lambda: node.kubectl('logs', 'puller').out == 'pulled\n', 'what was pulled runs', 30)
