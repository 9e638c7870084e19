"""An image registry of a test's own: Debian's docker-registry on loopback, plain http, filled by skopeo."""
import os

from lib import proc, wait


class Registry:
    """Serves on 127.0.0.1 of a network namespace, the test's by default; `address` is host and port as image names have them."""

    def __init__(self, test_id, netns=None):
        self.test_id, self.netns, self.process = test_id, netns, None
        self.address = '127.0.0.1:%d' % test_id.port()
        config = os.path.join(test_id.folder('registry'), 'config.yml')
        with open(config, 'w', encoding='utf-8') as f:
            f.write('version: 0.1\nlog: {level: error}\nstorage:\n  filesystem: {rootdirectory: %s}\nhttp: {addr: "%s"}\n'
                    % (test_id.folder('registry/data'), self.address))
        self.process = proc.Process(['docker-registry', 'serve', config], test_id.folder('registry'), netns=netns)
        try:
            wait.until(lambda: proc.run(['curl', '-sf', '--max-time', '5', 'http://%s/v2/' % self.address], netns=netns), 'the registry answers', 30)
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
