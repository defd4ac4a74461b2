"""A real Dask cluster on this machine: scheduler and workers as processes of their own, on loopback or each in a network
namespace with its own address. For the benchmark and for tests/dask.

In namespaces the scheduler and the coordinator sit on a bridge at 10.213.7.1, and worker n at 10.213.7.(10 + n): no loopback is
shared, and no port but those on the bridge is reachable. Needs root and iproute2.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import distributed

from benchmarks.dask_cores import CoreShare

START_SECONDS = 90
BRIDGE = "njbridge"
NETWORK = "10.213.7"
ROOT = Path(__file__).parents[1]


class Cluster:
    """A scheduler, and workers that come and go; all are gone when the block ends.

    folder holds logs and the workers' own files. Each worker has one thread and computes with one; cores: the share of a core
    that it is held to, None: what there is (see dask_cores).
    """

    def __init__(self, folder: Path, *, in_namespaces: bool = False, cores: float | None = None) -> None:
        self.folder = folder
        self.in_namespaces = in_namespaces
        self.cores = cores
        self._shares: list[CoreShare] = []
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._spaces: list[str] = []
        self._n_workers = 0
        self.address = ""

    def __enter__(self) -> Cluster:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            host = "127.0.0.1"
            if self.in_namespaces:
                make_bridge()
                host = f"{NETWORK}.1"
            file = self.folder / "scheduler.json"
            command = ["dask_scheduler", "--host", host, "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
            self._start("scheduler", command)
            # The file is there before all of it is written.
            self._await(lambda: file.exists() and file.read_text().rstrip().endswith("}"), "the scheduler")
            self.address = json.loads(file.read_text())["address"]
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add_worker(self, *, wait: bool = True, environment: dict[str, str] | None = None) -> str:
        """Start one more worker; its name."""
        self._n_workers += 1
        name, space = f"w{self._n_workers}", None
        command = ["dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name]
        command += ["--local-directory", str(self.folder / name), "--memory-limit", "0", "--death-timeout", "60"]
        if self.in_namespaces:
            space = f"nj{name}"
            self._spaces.append(space)
            host = join_bridge(space, number=self._n_workers)
            command += ["--host", host]
        self.workers[name] = self._start(name, command, space=space, environment=environment)
        if self.cores is not None:
            self._shares.append(CoreShare(f"nightjar-{os.getpid()}-{name}", self.cores))
            self._shares[-1].hold(self.workers[name].pid)
        if wait:
            self._await(lambda: name in self.names(), f"worker {name}")
        return name

    def names(self) -> list[str]:
        """The workers that the scheduler knows."""
        with distributed.Client(self.address, set_as_default=False, timeout=30) as client:
            return sorted(str(one["name"]) for one in client.scheduler_info(n_workers=-1)["workers"].values())

    def kill(self, name: str) -> None:
        """Kill a worker where it stands (SIGKILL)."""
        process = self.workers.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop_worker(self, name: str) -> None:
        """End a worker in order."""
        process = self.workers.pop(name)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)

    def close(self) -> None:
        """End all processes and remove the namespaces."""
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for share in self._shares:
            share.remove()
        if self.in_namespaces:
            for space in self._spaces:
                subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)
            subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True, check=False)

    def _start(
        self, name: str, command: list[str], *, space: str | None = None, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        module, *arguments = command
        prefix = ["ip", "netns", "exec", space] if space else []
        one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*prefix, sys.executable, "-m", f"distributed.cli.{module}", *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **one, **(environment or {})},
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def _await(self, is_there: object, what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_there():  # type: ignore[operator]
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not come up in {START_SECONDS} s; see {self.folder}")
            time.sleep(0.1)


def why_no_namespaces() -> str:
    """Why network namespaces can't be made here; "" where they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need `ip` of iproute2"
    probe = subprocess.run(["ip", "netns", "add", "njprobe"], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", "njprobe"], capture_output=True, check=False)
    return f"network namespaces are not permitted here: {probe.stderr.strip()}" if probe.returncode else ""


def make_bridge() -> None:
    """A bridge of this machine with the address of the scheduler."""
    subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True, check=False)
    run_ip("link", "add", BRIDGE, "type", "bridge")
    run_ip("addr", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
    run_ip("link", "set", BRIDGE, "up")


def join_bridge(space: str, *, number: int) -> str:
    """A namespace with one interface on the bridge; its address."""
    subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)
    run_ip("netns", "add", space)
    outer, host = f"njv{number}", f"{NETWORK}.{10 + number}"
    run_ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", space)
    run_ip("link", "set", outer, "master", BRIDGE, "up")
    run_ip("-n", space, "addr", "add", f"{host}/24", "dev", "eth0")
    run_ip("-n", space, "link", "set", "eth0", "up")
    run_ip("-n", space, "link", "set", "lo", "up")
    return host


def run_ip(*arguments: str) -> None:
    """Run `ip`; raises OSError with what it said."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
