"""Print lists of an exported model, from its folder or from a running TensorFlow Serving.

python scripts/recommend.py --model saved_models/NAME --user 17 42 --k 5
python scripts/recommend.py --url http://localhost:8501 --name NAME --user 17
"""

import argparse
import os
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.serving import folder
from advrec_tf.serving.client import Client, RestClient, SavedModelClient, ServingError


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", help="folder of an exported model, or of one version")
    source.add_argument("--url", help="a server, as in http://localhost:8501; with --name")
    parser.add_argument("--name", help="the model's name on the server")
    parser.add_argument("--titles", help="item_text.tsv of the model, to show titles with --url")
    parser.add_argument("--user", nargs="+", required=True, metavar="ID", help="user ids")
    parser.add_argument("--k", type=int, help="length of a list; default: as exported")
    parser.add_argument("--exclude", nargs="*", default=[], metavar="ID", help="item ids")
    args = parser.parse_args(argv)
    if args.url is not None and args.name is None:
        parser.error("--url needs --name")
    return args


def make_client(args: argparse.Namespace) -> Client:
    if args.url is None:
        return SavedModelClient(args.model)
    titles = None if args.titles is None else folder.read_item_text(args.titles)
    return RestClient(args.url, args.name, item_text=titles)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    try:
        table = make_client(args).recommend(args.user, args.k, args.exclude)
    except (ServingError, FileNotFoundError, ValueError) as error:
        raise SystemExit(f"recommend: {error}") from error
    print(table.to_string(index=False) if len(table) else "Nothing to recommend.")


if __name__ == "__main__":
    main()
