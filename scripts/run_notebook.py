"""Execute a notebook in place, and keep its outputs without what is said of this machine.

python scripts/run_notebook.py docs/notebooks/first-steps.ipynb    (the extra `docs`)
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from advrec_tf.ops.files import atomic_bytes

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path, help="The notebook, which is written again.")
    return parser.parse_args(argv)


def cleaned(notebook) -> None:
    """Take out what holds paths and times of this machine: standard error, lines of TensorFlow's
    log, times of cells."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [
                out
                for out in cell.outputs
                if out.get("name") != "stderr" and not out.get("text", "").startswith("INFO:")
            ]
    notebook.metadata["language_info"] = {"name": "python"}


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(args.notebook, as_version=4)
    NotebookClient(notebook, timeout=900).execute()
    cleaned(notebook)
    atomic_bytes(args.notebook, nbformat.writes(notebook) + "\n", overwrite=True)


if __name__ == "__main__":
    main()
