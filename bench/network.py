"""Pod network and service proxy: pods attached, ten thousand services loaded, one of them changed.  Needs root."""
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests'))
from lib.hosts import Network                     # noqa: E402
from lib.netdriver import Driver                  # noqa: E402
from lib.testid import TestId                     # noqa: E402

PODS, SERVICES, ENDPOINTS, CHANGES = 50, 10000, 5, 11


def timed(call):
    began = time.monotonic()
    call()
    return (time.monotonic() - began) * 1000


def pods(test_id, driver):
    names = [test_id.netns('b%d' % i) for i in range(PODS)]
    driver('podnet-open', 'bench', test_id.path + '/podnet', '10.244.0.0/20', '10.244.0.0/16')
    try:
        for name in names:
            subprocess.run(['ip', 'netns', 'add', name], check=True)
        attach = [timed(lambda n=name: driver('attach', '/run/netns/' + n, n[-8:])) for name in names]
        detach = [timed(lambda n=name: driver('detach', n[-8:])) for name in names]
    finally:
        for name in names:
            subprocess.run(['ip', 'netns', 'del', name], check=False)
    print('podnet/attach\t%.2f\tms' % statistics.median(attach))
    print('podnet/detach\t%.2f\tms' % statistics.median(detach))


def services(driver):
    driver('proxy-open', 'bench', '10.244.0.0/16')
    print('proxy/load/10000x5\t%s\tms' % driver('load', SERVICES, ENDPOINTS, 0))
    changes = [float(driver('load', SERVICES, ENDPOINTS, i)) for i in range(1, CHANGES)]
    print('proxy/change-one-of-10000\t%.1f\tms' % statistics.median(changes))
    driver('proxy-close')
    began = time.monotonic()
    driver('proxy-open', 'bench', '10.244.0.0/16')
    print('proxy/adopt/10000x5\t%.1f\tms' % ((time.monotonic() - began) * 1000))
    driver('proxy-reset', 'bench')


def main():
    if os.geteuid():
        print('# network: needs root, for namespaces')
        return
    with TestId() as test_id, Network(test_id, 1) as network, Driver(network[1]) as driver:
        pods(test_id, driver)
        services(driver)


main()
