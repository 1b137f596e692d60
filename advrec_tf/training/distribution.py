"""The strategy of `tf.distribute` under a name: the training of one device on many."""

from __future__ import annotations

import tensorflow as tf

from advrec_tf.ops.servers import is_asynchronous
from advrec_tf.training import cluster, servers

STRATEGIES = ("mirrored", "multi_worker", "parameter_server")


def strategy_of(name: str, *, replicas: int | None = None) -> tf.distribute.Strategy:
    """The strategy of a name, to be made before anything else asks TensorFlow for a device.

    Args:
        name: "mirrored" for the GPUs of this machine, or devices that its
            CPU is cut into; "multi_worker" for the processes that TF_CONFIG names;
            "parameter_server" for a chief, workers and servers (`ps`) that it names. Of these the
            chief alone gets a strategy; in the others the call serves until the chief has ended,
            and the process ends by it.
        replicas: devices of "mirrored", >= 1; by default all GPUs, or one CPU.

    Raises:
        ValueError: if there is no strategy of that name, there are not so many devices, TF_CONFIG
            is wrong or its port in use, or TensorFlow has set up its devices
            already.
        SystemExit: in a worker or a parameter server, at the end.

    Examples:
        >>> import advrec_tf as ar
        >>> ar.training.strategy_of("mirrored", replicas=1).num_replicas_in_sync
        1
    """
    if name not in STRATEGIES:
        raise ValueError(f"`name` should be one of {', '.join(STRATEGIES)}. Received: {name!r}.")
    if replicas is not None and (name != "mirrored" or replicas < 1):
        raise ValueError(
            "`replicas` should be >= 1, and given for the strategy mirrored alone. "
            f"Received: {replicas!r} for {name}."
        )
    try:
        if name == "mirrored":
            return tf.distribute.MirroredStrategy(_local_devices(replicas))
        if name == "parameter_server":
            task = cluster.task_of_this_process(servers=True)
            cluster.require_free_port(task)
            return servers.strategy_of_chief(task) if task.is_chief else servers.serve(task)
        cluster.require_free_port(cluster.task_of_this_process())
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:  # TensorFlow's word for "too late"
        raise ValueError(
            f"The strategy {name} should be made at the start of the process, before anything is "
            f"computed. Received: {error}"
        ) from None


def described(strategy: tf.distribute.Strategy) -> str:
    """Who trains by a strategy, in a line."""
    if not is_asynchronous(strategy):
        return f"replicas     {strategy.num_replicas_in_sync}, {type(strategy).__name__}"
    task = cluster.task_of_this_process(servers=True)
    workers, parts = (len(task.addresses[kind]) for kind in ("worker", "ps"))
    return f"workers      {workers}, each for itself, and {parts} parameter servers"


def _local_devices(replicas: int | None) -> list[str]:
    """The names of so many GPUs, or of as many parts of the CPU where there is none."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        count = replicas or 1
        if count > 1:
            tf.config.set_logical_device_configuration(
                tf.config.list_physical_devices("CPU")[0],
                [tf.config.LogicalDeviceConfiguration()] * count,
            )
        return [f"CPU:{index}" for index in range(count)]
    if (count := replicas or len(gpus)) > len(gpus):
        raise ValueError(
            f"`replicas` should be at most the number of GPUs, {len(gpus)}. Received: {count}."
        )
    return [f"GPU:{index}" for index in range(count)]


def require_same_epoch(strategy: tf.distribute.Strategy, done: int) -> None:
    """ValueError unless all workers of a strategy have trained as many epochs: they would wait for
    one another in the first that one of them has done."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return

    def gathered():
        replica = tf.distribute.get_replica_context()
        return replica.all_gather(tf.constant([done]), axis=0)

    of_all = tf.function(lambda: strategy.run(gathered))()
    found = strategy.experimental_local_results(of_all)[0].numpy().tolist()
    if len(set(found)) > 1:
        raise ValueError(
            "All workers should go on from the same checkpoint, so the folder of the run should be "
            f"one that all of them see. Received: epochs {found} of the workers in their order."
        )
