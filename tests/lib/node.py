"""A cluster of one host that is its own network namespace, with containers of an image that is there."""
import os

from lib import proc, wait
from lib.cluster import Server, program
from lib.hosts import Network
from lib.image import Image


class OneNode:
    """A server with its node, Ready, and an image whose entry point is a shell that runs a script.

    `files` are in the image too."""

    def __init__(self, test_id, image, flags=(), files=None, binary=None):
        self.test_id, self.image, self.server, self.network = test_id, image, None, Network(test_id, 1)
        self.cgroup = test_id.cgroup_root('h1')
        try:
            host = self.host = self.network[1]
            self.server = Server(test_id, address=host.address, netns=host.netns, node=True, flags=[
                '--run-dir', os.path.join(test_id.path, 'run'), '--cgroup-root', self.cgroup, '--hostname-override', 'host1',
                '--node-ip', host.address, *flags], binary=binary)
            self.kubectl = self.server.kubectl
            archive = Image(image, files=files, entrypoint=['/bin/sh', '-c']).docker_archive(os.path.join(test_id.path, 'box.tar'))
            proc.run([program(), 'image', 'import', '--data-dir', self.server.data, archive])
            self.wait_ready()
            wait.until(lambda: self.kubectl('get', 'serviceaccount', 'default', check=False).ok, 'the default service account is there', 30)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def wait_ready(self):
        wait.until(lambda: self.kubectl('get', 'node', 'host1', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}',
                                        check=False).out == 'True', 'the node is Ready', 30)

    def close(self):
        if self.server:
            self.server.kubectl('delete', 'pods', '--all', '--force', '--grace-period=0', check=False)
            self.server.close()
        self.network.close()

    def apply(self, name, containers, restart='Never', **of_spec):
        """Applies a pod of these containers, each of which gets the image and a name."""
        containers = [{'name': 'c%d' % i if i else 'c', 'image': self.image, **container} for i, container in enumerate(containers)]
        self.kubectl.apply({'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name}, 'spec': {
            'terminationGracePeriodSeconds': 1, 'restartPolicy': restart, 'containers': containers, **of_spec}})

    def wait_phase(self, name, phase):
        wait.until(lambda: self.kubectl('get', 'pod', name, '-o', 'jsonpath={.status.phase}').out == phase, '%s is %s' % (name, phase), 30)
        return name

    def run(self, name, *scripts, phase='Running', restart='Never', **of_container):
        """A pod of one container for each script, in that phase."""
        self.apply(name, [{'args': [script], **of_container} for script in scripts], restart)
        return self.wait_phase(name, phase)

    def uid(self, name):
        return self.kubectl('get', 'pod', name, '-o', 'jsonpath={.metadata.uid}').out
