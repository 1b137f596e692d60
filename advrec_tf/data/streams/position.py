"""`Position`: a place in a stream, which a file can hold."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Position:
    """A place in a stream, from which it goes on; JSON values.

    Attributes:
        epoch: >= 0.
        row: rows of the epoch that have been delivered.
        stream: `Stream.fingerprint`, so that no other stream goes on from here.
    """

    epoch: int
    row: int
    stream: str

    def after(self, rows: int) -> Position:
        """The place `rows` rows later in the same epoch."""
        return dataclasses.replace(self, row=self.row + rows)

    def as_dict(self) -> dict:
        """For a JSON file; `Position(**values)` has it back."""
        return dataclasses.asdict(self)
