"""A server starts, says that it is well, and ends when told; what it writes for its administrator is theirs alone."""
import os
import signal
import stat

from lib import proc
from lib.cluster import Server, program


def test_says_that_it_is_well(server):
    api = server.api()
    for path in ('/livez', '/readyz', '/healthz'):
        answer = api.get(path)
        assert (answer.status, answer.body) == (200, b'ok'), answer


def test_version_is_one_that_kubectl_reads(kubectl):
    version = kubectl.json('version')['serverVersion']
    assert (version['major'], version['minor']) == ('1', '36')
    assert version['gitVersion'].startswith('v1.36.')


def test_health_needs_no_credentials_and_the_api_does(server):
    api = server.api(anonymous=True)
    assert api.get('/readyz').status == 200
    refused = api.get('/api/v1/namespaces')
    assert refused.status == 403 and refused.json['reason'] == 'Forbidden', refused


def test_kubeconfig_is_its_owners_alone(server):
    assert stat.S_IMODE(os.stat(server.kubeconfig).st_mode) == 0o600


def test_ends_cleanly_and_starts_again_on_its_data(test_id):
    with Server(test_id) as server:
        server.kubectl('create', 'namespace', 'kept')
        assert server.stop() == 0
        server.start()
        assert server.kubectl('get', 'namespace', 'kept', '-o', 'name').out == 'namespace/kept\n'


def test_survives_its_own_sudden_end(test_id):
    with Server(test_id) as server:
        server.kubectl('create', 'namespace', 'kept')
        server.kill()
        server.start()
        assert server.kubectl('get', 'namespace', 'kept', '-o', 'name').out == 'namespace/kept\n'


def test_a_port_in_use_is_said_in_one_line(server, test_id):
    result = proc.run([program(), 'server', '--no-node', '--data-dir', test_id.folder('data'), '--bind-address', '127.0.0.1', '--secure-port',
                       server.port], check=False)
    assert result.status > 0 and result.status != 128 + signal.SIGABRT
    assert str(server.port) in result.err and 'in use' in result.err.lower(), result
