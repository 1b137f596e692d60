"""`advrec recommend`: lists of an exported model, from its folder or from a server."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

from advrec_tf.commands.arguments import Count, Names


def recommend(
    *,
    model: Path | None = None,
    url: str | None = None,
    name: str | None = None,
    titles: Path | None = None,
    user: Names = (),
    history: Names = (),
    feature: Names = (),
    k: Count | None = None,
    exclude: Names = (),
    allow: Names = (),
) -> None:
    """Print lists of an exported model, from its folder or from a running TensorFlow Serving.

    `advrec recommend --model saved_models/NAME --user 17 42 --k 5`

    `advrec recommend --url http://localhost:8501 --name NAME --history 50 181`

    `advrec recommend --model saved_models/NAME --history 50 181 --user 17`

    `advrec recommend --model saved_models/NAME --feature age=31 occupation=student --k 5`

    A model folder is code: loading it lets its graph read and write the files of whoever runs this.
    Load only what comes from a source you trust.

    Args:
        model: The folder of an exported model, or of one version of it.
        url: A server, as in http://localhost:8501; it needs --name.
        name: The name of the model on the server.
        titles: A file of titles, as item_text.tsv of an export: for those of a model behind --url,
            or in the place of those of --model.
        user: The ids of users to recommend for. With --history it is whose the history is, for a
            next-item model that was trained with --user-embedding.
        history: The ids of the items of one user who is not in the model.
        feature: What is known of one user who is not in the model, as COLUMN=VALUE: columns of
            users and of the context, of a two-tower model that was trained with --use-features or
            --use-context. Several values of a sequence have | between them.
        k: The length of a list, up to the longest that the export allows. By default it is as
            exported.
        exclude: The ids of items that are never recommended.
        allow: The ids of the only items that are recommended.
    """
    if (model is None) == (url is None):
        raise ValueError("Either `--model` or `--url` should be given.")
    if url is not None and name is None:
        raise ValueError("`--url` needs `--name`, the name of the model on the server.")
    if not (user or history or feature):
        raise ValueError("One of `--user`, `--history` and `--feature` should be given.")
    if feature and (user or history):
        other = "--user" if user else "--history"
        raise ValueError(
            f"`--feature` should be given without `--user` and `--history`: it is of a user who is "
            f"not in the model. Received: `{other}`, too."
        )
    if history and len(user) > 1:
        raise ValueError(
            f"`--user` should be one id beside `--history`. Received: {', '.join(user)}."
        )
    wrong = [text for text in feature if "=" not in text]
    if wrong:
        raise ValueError(f"`--feature` should be COLUMN=VALUE. Received: {wrong[0]}.")
    from advrec_tf.data.vocabulary import id_text
    from advrec_tf.serving import folder
    from advrec_tf.serving.client_warnings import UnknownIdWarning
    from advrec_tf.serving.rest_client import RestClient
    from advrec_tf.serving.saved_model_client import SavedModelClient
    from advrec_tf.serving.values import ServingError, printable

    user, history, exclude, allow = (
        tuple(map(id_text, given)) for given in (user, history, exclude, allow)
    )
    try:
        client: SavedModelClient | RestClient
        if model is not None:
            client = SavedModelClient(model)
            if titles is not None:
                client.item_text = folder.read_item_text(titles)
        elif url is not None and name is not None:
            texts = None if titles is None else folder.read_item_text(titles)
            client = RestClient(url, name, item_text=texts)
        limits: dict[str, Any] = {"k": k, "exclude": list(exclude), "allow": list(allow)}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UnknownIdWarning)
            if history:
                table = _of_history(client, history, user, limits)
            elif feature:
                pairs = (text.split("=", 1) for text in feature)
                columns = {name: [value] for name, value in pairs}
                table = client.recommend_from_features(columns, **limits)
            else:
                table = client.recommend(list(user), **limits)
                unknown = _unknown(client, "user", list(user))
                _say(unknown, ": to users it does not know it recommends the most popular items")
        for warning in caught:
            # Of ids all are named, here and below, and by a server, too.
            if not issubclass(warning.category, UnknownIdWarning):
                warnings.warn(warning.message, stacklevel=2)
            elif "`features`" in str(warning.message):
                text = str(warning.message).replace("`features`", "`--feature`")
                print(f"NOTE: {printable(text)}", file=sys.stderr)
        _say(_unknown(client, "item", list(exclude)), ": `--exclude` leaves out nothing there")
        _say(_unknown(client, "item", list(allow)), ": `--allow` lets in nothing there")
    except (ServingError, OSError, ValueError) as error:
        raise ValueError(printable(str(error))) from error
    for column in table.columns.intersection(["user_id", "item_id", "text"]):
        table[column] = table[column].map(printable)  # titles come from anywhere
    print(table.to_string(index=False) if len(table) else "Nothing to recommend.")


def _of_history(client, history: Names, user: Names, limits: dict):
    """The list of one history, without the column of users."""
    table = client.recommend_from_history([list(history)], list(user) or None, **limits)
    unknown = _unknown(client, "user", list(user))
    _say(unknown, ": the list is that of an unknown user with this history")
    unknown = _unknown(client, "item", list(history))
    _say(unknown, ": the list is that of a user without a history", len(history))
    return table.drop(columns="user_id")


def _unknown(client, kind: str, asked: list[str]) -> list[str]:
    """Those of the users, or items where `kind` is "item", that the model does not know."""
    from advrec_tf.serving.values import ServingError

    if not asked:
        return []
    blank = [""] * len(asked)
    users, items = (asked, blank) if kind == "user" else (blank, asked)
    try:
        answer = client.predict("score", {"user_id": users, "item_id": items})
    except ServingError:  # a model without this signature
        return []
    # Exports of earlier versions do not tell of users.
    known = answer.get(f"known_{kind}", [True] * len(asked))
    return [name for name, is_known in zip(asked, known, strict=True) if not is_known]


def _say(unknown: list[str], consequence: str, of: int = 0) -> None:
    """Say on stderr what the model does not know, and what follows where that is all of `of`."""
    from advrec_tf.serving.values import printable

    if unknown:
        names = ", ".join(printable(name) or '""' for name in unknown)
        then = consequence if len(unknown) >= of else ""
        print(f"NOTE: the model does not know {names}{then}.", file=sys.stderr)
