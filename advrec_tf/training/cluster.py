"""The processes that train one model together, as TF_CONFIG names them, checked before they meet.

TensorFlow takes TF_CONFIG as it stands: of a wrong one the processes wait for each other without a
word. Importing it is quick: no TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import socket

VARIABLE = "TF_CONFIG"
_EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
)
_EXAMPLE_WITH_SERVERS = (
    '{"cluster": {"chief": ["host0:2222"], "worker": ["host1:2222"], "ps": ["host2:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
_ADDRESS = re.compile(r"[^:/\s]+:(\d{1,5})")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One process of a cluster.

    Attributes:
        addresses: kind ("chief", "worker" or "ps") -> the addresses of its processes, host:port.
        kind, index: which of them this process is.
    """

    addresses: dict[str, tuple[str, ...]]
    kind: str
    index: int

    @property
    def name(self) -> str:
        return f"{self.kind} {self.index}"

    @property
    def address(self) -> str:
        return self.addresses[self.kind][self.index]

    @property
    def is_chief(self) -> bool:
        """Whether it is the one that writes: the chief, or the first worker where there is none."""
        return self.index == 0 and self.kind == ("chief" if "chief" in self.addresses else "worker")


def task_of_this_process(*, servers: bool = False) -> Task:
    """What TF_CONFIG in the environment says of this process.

    Args:
        servers: whether the cluster has parameter servers, `ps`, beside workers and a chief.

    Raises:
        ValueError: if it is absent, no JSON, names other tasks than `chief` and `worker` (and
            `ps`, all three of which are needed then), an address that is none or stands twice, or
            a task that the cluster does not have.
    """
    return _parsed(os.environ.get(VARIABLE, ""), servers)


def require_free_port(task: Task) -> None:
    """ValueError if the port of this process is in use."""
    port = int(task.address.rpartition(":")[2])
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a finished run lingers on it
        try:
            own.bind(("", port))
        except OSError as error:
            raise _wrong(
                f"give {task.name} a port of this machine that is free",
                f"{task.address} ({error.strerror})",
            ) from None


def local_clusters(workers: int) -> list[str]:
    """The TF_CONFIG of each of so many workers on free ports of this machine."""
    return list(_on_free_ports({"worker": workers}).values())


def local_cluster_with_servers(workers: int, servers: int) -> dict[str, str]:
    """Task, such as "worker 0" -> its TF_CONFIG on a free port of this machine: of a chief, so many
    workers and so many parameter servers."""
    return _on_free_ports({"chief": 1, "worker": workers, "ps": servers})


def _on_free_ports(counts: dict[str, int]) -> dict[str, str]:
    tasks = [(kind, index) for kind, count in counts.items() for index in range(count)]
    with contextlib.ExitStack() as held:
        sockets = {task: held.enter_context(socket.socket()) for task in tasks}
        for one in sockets.values():
            one.bind(("127.0.0.1", 0))
        ports = {task: one.getsockname()[1] for task, one in sockets.items()}
    addresses = {
        kind: [f"127.0.0.1:{ports[kind, index]}" for index in range(count)]
        for kind, count in counts.items()
    }
    return {
        f"{kind} {index}": json.dumps(
            {"cluster": addresses, "task": {"type": kind, "index": index}}
        )
        for kind, index in tasks
    }


def _parsed(text: str, servers: bool) -> Task:
    try:
        config = json.loads(text)
        cluster, task = dict(config["cluster"]), dict(config["task"])
        kind, index = task["type"], int(task["index"])
        addresses = {name: tuple(listed) for name, listed in cluster.items()}
    except (ValueError, KeyError, TypeError):
        example = _EXAMPLE_WITH_SERVERS if servers else _EXAMPLE
        raise _wrong(f"be JSON such as {example}", text or "no such variable") from None
    if other := sorted(set(addresses) - {"chief", "worker"} - ({"ps"} if servers else set())):
        ps = "`ps` and " if servers else ""
        raise _wrong(
            f"have a cluster of {ps}`worker` tasks and at most one `chief`", f"`{other[0]}`"
        )
    for needed in ("chief", "worker", "ps") if servers else ():
        if not addresses.get(needed):
            raise _wrong(f"have a `{needed}` in its cluster", f"{_counted(addresses)}")
    if len(addresses.get("chief", ())) > 1:
        raise _wrong("have at most one `chief`", f"{len(addresses['chief'])} of them")
    listed = [address for own in addresses.values() for address in own]
    for address in listed:
        found = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
        if found is None or not 0 < int(found[1]) < 65536:
            raise _wrong("hold addresses such as host1:2222", f"{address!r}")
        if listed.count(address) > 1:
            raise _wrong("hold each address once", f"{address} twice")
    if not 0 <= index < len(addresses.get(kind, ())):
        raise _wrong(f"name a task of its cluster ({_counted(addresses)})", f"task {kind} {index}")
    return Task(addresses=addresses, kind=kind, index=index)


def _counted(addresses: dict[str, tuple[str, ...]]) -> str:
    return ", ".join(f"{len(own)} {name}" for name, own in addresses.items()) or "none"


def _wrong(expected: str, received: str) -> ValueError:
    return ValueError(f"`{VARIABLE}` should {expected}. Received: {received}.")
