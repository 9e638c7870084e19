"""Pulls from a real registry on loopback: by tag and digest, what is missing, nobody there, and that the content runs."""
import os
import subprocess
import time
import urllib.request

import pytest

from lib import runtime as rt
from lib.image import Image

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root, for containers')


@pytest.fixture
def registry(test_id):
    """Debian's docker-registry with one image in it: its address."""
    port = test_id.port()
    config = os.path.join(test_id.path, 'registry.yml')
    with open(config, 'w') as f:
        f.write('version: 0.1\nlog: {level: error}\nstorage:\n  filesystem: {rootdirectory: %s}\nhttp: {addr: "127.0.0.1:%d"}\n'
                % (test_id.folder('registry'), port))
    with open(os.path.join(test_id.path, 'registry.log'), 'wb') as log:
        process = subprocess.Popen(['docker-registry', 'serve', config], stdout=log, stderr=log)
    address = '127.0.0.1:%d' % port
    try:
        end = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen('http://%s/v2/' % address, timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < end and process.poll() is None
                time.sleep(0.05)
        archive = Image('team/app:v1', cmd=['echo', 'from the registry']).docker_archive(os.path.join(test_id.path, 'app.tar'))
        subprocess.run(['skopeo', '--insecure-policy', 'copy', '--quiet', '--dest-tls-verify=false', 'docker-archive:' + archive,
                        'docker://%s/team/app:v1' % address], check=True, timeout=60)
        yield address
    finally:
        process.kill()
        process.wait()


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
