"""Small folders of shards for the tests of streams."""

import pyarrow as pa

from advrec_tf.data.streams.writing import write_shards

KINDS = {"user_id": "int", "item_id": "string", "rating": "float"}


def table_of(count, first=0):
    """Row n: user n % 7, item "i" + n % 5, rating n."""
    rows = range(first, first + count)
    return pa.table(
        {
            "user_id": [row % 7 for row in rows],
            "item_id": [f"i{row % 5}" for row in rows],
            "rating": [float(row) for row in rows],
        }
    )


def parquet_shards(folder, counts=(20, 10, 14), group=6):
    """Shards of these numbers of rows, in row groups of `group`; row n of all is that of
    `table_of`. Gives the folder."""
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    first = 0
    for number, count in enumerate(counts):
        path = folder / f"part-{number}.parquet"
        parquet.write_table(table_of(count, first), path, row_group_size=group)
        first += count
    return folder


def csv_shards(folder, counts=(20, 10, 14)):
    """The same rows as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    first = 0
    for number, count in enumerate(counts):
        table = table_of(count, first).to_pandas()
        table.to_csv(folder / f"part-{number}.csv", index=False)
        first += count
    return folder


def tfrecord_shards(folder, counts=(20, 10, 14)):
    """The same rows as TFRecord, in one size of shards."""
    write_shards(
        [table_of(sum(counts))], folder, kinds=KINDS, file_format="tfrecord", rows_of_a_shard=20
    )
    return folder


def delivered(dataset):
    """The numbers of the rows of a dataset, in their order: what the ratings of `table_of` are."""
    return [int(rating) for batch in dataset for rating in batch["rating"].numpy().ravel()]
