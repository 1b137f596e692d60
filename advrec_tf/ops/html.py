"""Tables as HTML for notebooks: what `_repr_html_` of models, splits and reports returns.

Every text is escaped here, so that an id or a title of the data cannot be markup.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

MOST_ROWS = 50
"""Rows that a table shows; the last line then says how many there are more."""


def table(title: str, rows: Iterable[Sequence[object]], *, header: Sequence[str] = ()) -> str:
    """A table under a line in bold.

    Args:
        title: the line.
        rows: cells of each row; numbers stand to the right, whole ones with commas, others with
            four significant digits.
        header: of the columns, or nothing.
    """
    rows = list(rows)
    lines = [f"<div><b>{html.escape(title)}</b><table>"]
    if header:
        cells = "".join(f"<th>{html.escape(name)}</th>" for name in header)
        lines.append(f"<thead><tr>{cells}</tr></thead>")
    lines.append("<tbody>")
    lines += [f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows[:MOST_ROWS]]
    if len(rows) > MOST_ROWS:
        lines.append(f"<tr><td>and {len(rows) - MOST_ROWS:,} more</td></tr>")
    return "".join([*lines, "</tbody></table></div>"])


def _cell(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f'<td style="text-align: left">{html.escape(str(value))}</td>'
    shown = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return f'<td style="text-align: right">{shown}</td>'
