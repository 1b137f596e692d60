#!/usr/bin/env bash
# Installs the package and trains, evaluates and exports a small recommender on invented data.
#
#   scripts/quickstart.sh [arguments of `advrec compare`]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash scripts/install.sh

export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}"
exec .venv/bin/advrec compare \
  --data synthetic --out runs/quickstart --export saved_models/quickstart \
  --embedding-dim 64 --epochs 10 --epsilon 0.1 --autoencoder-dim 100 --autoencoder-epsilon 0.1 --autoencoder-epochs 40 \
  --gan-epochs 24 --ranking-epochs 5 --next-item none "$@"
