"""An image registry of a test's own: Debian's docker-registry, filled by skopeo."""
import os

from lib import proc, wait


class Authority:
    """A certificate authority of the test's own: `ca` is its file, `certificate` and `key` are those of a server with this address."""

    def __init__(self, test_id, address):
        folder = test_id.folder('authority')
        self.ca, ca_key = os.path.join(folder, 'ca.pem'), os.path.join(folder, 'ca.key')
        self.certificate, self.key = os.path.join(folder, 'server.pem'), os.path.join(folder, 'server.key')
        new = ['openssl', 'req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-days', '2']
        proc.run([*new, '-subj', '/CN=authority', '-keyout', ca_key, '-out', self.ca])
        proc.run([*new, '-subj', '/CN=registry', '-keyout', self.key, '-out', self.certificate, '-CA', self.ca, '-CAkey', ca_key,
                  '-addext', 'subjectAltName=IP:' + address, '-addext', 'basicConstraints=critical,CA:FALSE'])


class Registry:
    """Serves on an address of a network namespace, by default 127.0.0.1 of the test's; `address` is host and port as image names
    have them.  Plain http, or https with an authority."""

    def __init__(self, test_id, netns=None, host='127.0.0.1', authority=None):
        self.test_id, self.netns, self.process = test_id, netns, None
        self.address = '%s:%d' % (host, test_id.port())
        config = os.path.join(test_id.folder('registry'), 'config.yml')
        with open(config, 'w', encoding='utf-8') as f:
            f.write('version: 0.1\nlog: {level: error}\nstorage:\n  filesystem: {rootdirectory: %s}\nhttp:\n  addr: "%s"\n'
                    % (test_id.folder('registry/data'), self.address))
            if authority:
                f.write('  tls: {certificate: %s, key: %s}\n' % (authority.certificate, authority.key))
        self.process = proc.Process(['docker-registry', 'serve', config], test_id.folder('registry'), netns=netns)
        try:
            url = '%s://%s/v2/' % ('https' if authority else 'http', self.address)
            trust = ['--cacert', authority.ca] if authority else []
            wait.until(lambda: proc.run(['curl', '-sf', '--max-time', '5', *trust, url], netns=netns), 'the registry answers', 30)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def push(self, name, image):
        """Puts an image (lib/image.py) there; its whole name."""
        archive = image.docker_archive(os.path.join(self.test_id.path, 'pushed.tar'))
        whole = self.address + '/' + name
        proc.run(['skopeo', '--insecure-policy', 'copy', '--quiet', '--dest-tls-verify=false', 'docker-archive:' + archive, 'docker://' + whole],
                 netns=self.netns, seconds=60)
        return whole

    def close(self):
        if self.process:
            self.process.close()
            self.process = None
