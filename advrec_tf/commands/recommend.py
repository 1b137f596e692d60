"""`advrec recommend`: lists of an exported model, from its folder or from a server."""

from __future__ import annotations

from pathlib import Path

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

    `advrec recommend --model saved_models/NAME --feature age=31 occupation=student --k 5`

    A model folder is code: loading it lets its graph read and write the files of whoever runs this.
    Load only what comes from a source you trust.

    Args:
        model: The folder of an exported model, or of one version of it.
        url: A server, as in http://localhost:8501; it needs --name.
        name: The name of the model on the server.
        titles: The file item_text.tsv of the model, for titles with --url.
        user: The ids of users to recommend for.
        history: The ids of the items of one user who is not in the model.
        feature: What is known of one user who is not in the model, as COLUMN=VALUE: columns of
            users and of the context, if the model was trained with them. Several values of a
            sequence have | between them.
        k: The length of a list. By default it is as exported.
        exclude: The ids of items that are never recommended.
        allow: The ids of the only items that are recommended.
    """
    if (model is None) == (url is None):
        raise ValueError("Either `--model` or `--url` should be given.")
    if url is not None and name is None:
        raise ValueError("`--url` needs `--name`, the name of the model on the server.")
    if bool(user) + bool(history) + bool(feature) != 1:
        raise ValueError("One of `--user`, `--history` and `--feature` should be given.")
    wrong = [text for text in feature if "=" not in text]
    if wrong:
        raise ValueError(f"`--feature` should be COLUMN=VALUE. Received: {wrong[0]}.")
    if history and (k is not None or exclude or allow):
        raise ValueError(
            "`--history` gives the list as exported, without `--k`, `--exclude` and `--allow`."
        )
    from advrec_tf.serving import folder
    from advrec_tf.serving.client import RestClient, SavedModelClient, ServingError, printable

    try:
        client: SavedModelClient | RestClient
        if model is not None:
            client = SavedModelClient(model)
        elif url is not None and name is not None:
            texts = None if titles is None else folder.read_item_text(titles)
            client = RestClient(url, name, item_text=texts)
        if history:
            table = client.recommend_from_history([list(history)])
        elif feature:
            columns = {name: [value] for name, value in (text.split("=", 1) for text in feature)}
            table = client.recommend_from_features(columns, k, list(exclude), list(allow))
        else:
            table = client.recommend(list(user), k, list(exclude), list(allow))
    except (ServingError, OSError, ValueError) as error:
        raise ValueError(printable(str(error))) from error
    for column in table.columns.intersection(["user_id", "item_id", "text"]):
        table[column] = table[column].map(printable)  # titles come from anywhere
    print(table.to_string(index=False) if len(table) else "Nothing to recommend.")
