"""Operations that the whole package builds on: random streams, reductions, sparse updates."""
