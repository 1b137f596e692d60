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
_ADDRESS = re.compile(r"[^:/\s]+:(\d{1,5})")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One process of a cluster.

    Attributes:
        addresses: kind ("chief" or "worker") -> the addresses of its processes, host:port.
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


def task_of_this_process() -> Task:
    """What TF_CONFIG in the environment says of this process.

    Raises:
        ValueError: if it is absent, no JSON, names other tasks than `chief` and `worker`, an
            address that is none or stands twice, or a task that the cluster does not have.
    """
    return _parsed(os.environ.get(VARIABLE, ""))


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
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(workers)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    return [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        for index in range(workers)
    ]


def _parsed(text: str) -> Task:
    try:
        config = json.loads(text)
        cluster, task = dict(config["cluster"]), dict(config["task"])
        kind, index = task["type"], int(task["index"])
        addresses = {name: tuple(listed) for name, listed in cluster.items()}
    except (ValueError, KeyError, TypeError):
        raise _wrong(f"be JSON such as {_EXAMPLE}", text or "no such variable") from None
    if other := sorted(set(addresses) - {"chief", "worker"}):
        raise _wrong("have a cluster of `worker` tasks and at most one `chief`", f"`{other[0]}`")
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
        counted = ", ".join(f"{len(own)} {name}" for name, own in addresses.items()) or "none"
        raise _wrong(f"name a task of its cluster ({counted})", f"task {kind} {index}")
    return Task(addresses=addresses, kind=kind, index=index)


def _wrong(expected: str, received: str) -> ValueError:
    return ValueError(f"`{VARIABLE}` should {expected}. Received: {received}.")
