"""What the site has beside the pages in docs: a page of the API for each folder, and the results.

mkdocs loads this file (`hooks` in mkdocs.yml) when scripts/docs.sh builds the site.
"""

import importlib.util
import inspect
from pathlib import Path

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("api_page", ROOT / "scripts" / "write_api_page.py")
api_page = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(api_page)


def reference_page(title: str, package) -> str:
    """A page of all public names of a package, with their docstrings."""
    lines = [f"# {title}", "", api_page.first_sentence(package), ""]
    for name in sorted(package.__all__, key=str.lower):
        thing = getattr(package, name)
        if inspect.ismodule(thing):
            path = thing.__name__
            if hasattr(thing, "__path__"):  # a folder: it has a page of its own
                continue
        elif inspect.isclass(thing) or inspect.isroutine(thing):
            path = f"{thing.__module__}.{thing.__qualname__}"
        else:
            lines += [f"## {name}", "", api_page.first_sentence(thing), ""]
            continue
        lines += [f"::: {path}", ""]
    return "\n".join(lines)


def reference_pages() -> dict[str, str]:
    """Path below docs -> text of each page of the API."""
    import advrec_tf

    pages = {"reference/advrec_tf.md": reference_page("advrec_tf", advrec_tf)}
    for folder in api_page.FOLDERS:
        name = f"advrec_tf.{folder}"
        pages[f"reference/{folder}.md"] = reference_page(name, getattr(advrec_tf, folder))
    return pages


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").split(":")[0]


def on_config(config):
    """Add the pages of the API and of the results to the navigation."""
    reference = [f"reference/{name}.md" for name in ("advrec_tf", *api_page.FOLDERS)]
    results = sorted((ROOT / "docs" / "results").glob("[!R]*.md"))
    config.nav += [
        {"API": reference},
        {
            "Results": [
                "results/README.md",
                *({page.stem: f"results/{page.name}"} for page in results),
            ]
        },
    ]
    return config


def on_files(files, config):
    """Add the texts of the pages of the API."""
    from mkdocs.structure.files import File

    for path, text in reference_pages().items():
        files.append(File.generated(config, path, content=text))
    return files
