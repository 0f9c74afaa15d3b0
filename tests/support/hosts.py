"""Hosts of their own, as far as the network can tell: network namespaces whose links have a delay and can be cut.

Each namespace has a TAP device; this process hands its frames on to the others, some time later, as a switch with long
wires would. It needs Linux, root, /dev/net/tun and iproute2, and no netem in the kernel.

    with Hosts(3, delay=1e-3) as hosts:
        process = hosts.start(0, ["ping", hosts.address(1)])
        hosts.cut(1)
"""

import contextlib
import fcntl
import heapq
import itertools
import os
import select
import shutil
import struct
import subprocess
import sys
import threading
import time

from ranks import environment, mpirun

_TUNSETIFF, _TAP, _NO_HEADER = 0x400454CA, 0x0002, 0x1000  # of linux/if_tun.h
_FRAME = 65536  # bytes that a read can give


class Hosts:
    """`count` hosts on one network, each `delay` seconds from the next."""

    def __init__(self, count, delay=1e-3):
        self.count, self.delay = count, delay
        self._names = [f"el{os.getpid()}h{host}" for host in range(count)]
        self.carried = 0  # bytes that have come to some host
        self._devices, self._cut, self._ended = [], set(), threading.Event()
        self._switch = threading.Thread(target=self._hand_on)

    def __enter__(self):
        with contextlib.ExitStack() as undone:
            undone.callback(self._remove)
            for host, name in enumerate(self._names):
                self._add(host, name)
            self._switch.start()
            undone.pop_all()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._switch.join()
        self._remove()

    def address(self, host):
        return f"10.77.0.{host + 1}"

    def start(self, host, command, **options):
        """`command` on a host; -> Popen."""
        return subprocess.Popen(self.command(host, command), **options)

    def command(self, host, command):
        return ["ip", "netns", "exec", self._names[host], *command]

    def write_ssh(self, path):
        """Write a script that runs a command on the host with an address, as ``ssh [OPTIONS] ADDRESS COMMAND`` does."""
        cases = (f"{self.address(host)}) exec ip netns exec {name}" for host, name in enumerate(self._names))
        lines = ["#!/bin/sh", 'while [ "${1#-}" != "$1" ]; do shift; done', "host=$1; shift", "case $host in"]
        path.write_text("\n".join([*lines, *(f'{case} sh -c "$*" ;;' for case in cases), "esac", ""]))
        path.chmod(0o755)
        return str(path)

    def cut(self, host):
        """Nothing arrives at this host or leaves it any more; it is told nothing of that."""
        self._cut.add(host)

    def _add(self, host, name):
        _ip("netns", "add", name)
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        self._devices.append(device)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _TAP | _NO_HEADER))
        _ip("link", "set", name, "address", f"02:00:00:00:00:{host:02x}", "mtu", "9000", "netns", name)
        _ip("-n", name, "link", "set", name, "name", "eth0")
        _ip("-n", name, "address", "add", f"{self.address(host)}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            _ip("-n", name, "link", "set", link, "up")

    def _remove(self):
        for device in self._devices:
            os.close(device)  # which removes the interface
        for name in self._names:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)

    def _hand_on(self):
        """Frames on their way, the earliest first, until the hosts are removed."""
        under_way, numbers = [], itertools.count()
        while not self._ended.is_set():
            wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else 0.05
            for device in select.select(self._devices, [], [], wait)[0]:
                sender = self._devices.index(device)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        frame = os.read(device, _FRAME)
                        for host in self._receivers(sender, frame):
                            heapq.heappush(under_way, (time.monotonic() + self.delay, next(numbers), host, frame))
            while under_way and under_way[0][0] <= time.monotonic():
                *_, host, frame = heapq.heappop(under_way)
                if host not in self._cut:
                    self.carried += len(frame)
                    with contextlib.suppress(OSError):  # its queue is full: as on a real network, TCP sends it again
                        os.write(self._devices[host], frame)

    def _receivers(self, sender, frame):
        """Those that a frame's first six bytes, its destination, name: one, or all where the lowest bit is set."""
        if sender in self._cut:
            return ()
        others = [host for host in range(self.count) if host != sender]
        return others if frame[0] & 1 else [host for host in others if host == frame[5]]


def _ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def missing():
    """Why there can be no such hosts here, or None."""
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    try:
        with Hosts(1):
            return None
    except (OSError, subprocess.CalledProcessError) as error:
        return f"network namespaces need root and /dev/net/tun: {getattr(error, 'stderr', None) or error}"


def by_gloo_on(hosts, *arguments):
    """A rank on each host; -> list of Popen."""
    about = {"MASTER_ADDR": hosts.address(0), "MASTER_PORT": "29511", "WORLD_SIZE": str(hosts.count)}
    options = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, *map(str, arguments)]
    return [
        hosts.start(rank, command, env=environment(RANK=str(rank), GLOO_SOCKET_IFNAME="eth0", **about), **options)
        for rank in range(hosts.count)
    ]


def by_mpi_on(hosts, *arguments, folder):
    """mpirun on the first host, which starts a rank on each; -> list of its Popen."""
    ssh = hosts.write_ssh(folder / "ssh")
    by_tcp = {
        "UCX_TLS": "tcp,self",
        "UCX_NET_DEVICES": "eth0",
        "FI_PROVIDER": "tcp",
    }  # not by the memory that they share
    names = ",".join(map(hosts.address, range(hosts.count)))
    launch = [mpirun(), "-launcher", "ssh", "-launcher-exec", ssh, "-iface", "eth0", "-hosts", names, "-ppn", "1"]
    command = [*launch, "-n", str(hosts.count), sys.executable, *map(str, arguments)]
    options = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return [hosts.start(0, command, env=environment(**by_tcp), **options)]
