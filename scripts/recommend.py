"""Print lists of an exported model, from its folder or from a running TensorFlow Serving.

    python scripts/recommend.py --model saved_models/NAME --user 17 42 --k 5
    python scripts/recommend.py --model saved_models/NAME --history 50 181
    python scripts/recommend.py --url http://localhost:8501 --name NAME --user 17

A model folder is code: loading it lets its graph read and write the files of whoever runs this.
Load only what comes from a source you trust.
"""

import argparse
import os
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.serving import folder
from advrec_tf.serving.client import (
    Client,
    RestClient,
    SavedModelClient,
    ServingError,
    printable,
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", help="Folder of an exported model, or of one version of it.")
    source.add_argument("--url", help="A server, as in http://localhost:8501; needs --name.")
    parser.add_argument("--name", help="Name of the model on the server.")
    parser.add_argument("--titles", help="File item_text.tsv of the model, for titles with --url.")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--user", nargs="+", metavar="ID", help="User ids to recommend for.")
    asked.add_argument(
        "--history", nargs="+", metavar="ID", help="Item ids of one user who is not in the model."
    )
    parser.add_argument("--k", type=int, help="Length of a list; by default as exported.")
    parser.add_argument(
        "--exclude", nargs="*", default=[], metavar="ID", help="Item ids never recommended."
    )
    parser.add_argument(
        "--allow", nargs="*", default=[], metavar="ID", help="The only item ids recommended."
    )
    args = parser.parse_args(argv)
    if args.url is not None and args.name is None:
        parser.error("--url needs --name")
    if args.history is not None and (args.k is not None or args.exclude or args.allow):
        parser.error("--history gives the list as exported, without --k, --exclude and --allow")
    return args


def make_client(args: argparse.Namespace) -> Client:
    if args.url is None:
        return SavedModelClient(args.model)
    titles = None if args.titles is None else folder.read_item_text(args.titles)
    return RestClient(args.url, args.name, item_text=titles)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    try:
        client = make_client(args)
        if args.history is not None:
            table = client.recommend_from_history([args.history])
        else:
            table = client.recommend(args.user, args.k, args.exclude, args.allow)
    except (ServingError, OSError, ValueError) as error:
        raise SystemExit(f"recommend: {printable(str(error))}") from error
    for column in table.columns.intersection(["user_id", "item_id", "text"]):
        table[column] = table[column].map(printable)  # titles come from anywhere
    print(table.to_string(index=False) if len(table) else "Nothing to recommend.")


if __name__ == "__main__":
    main()
