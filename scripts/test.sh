#!/usr/bin/env bash
# Installs what is missing, then runs ruff, mypy and the tests, a file at a time on each of up to
# four cores.
#
#   scripts/test.sh [--slow] [pytest arguments]
#
# --slow runs the tests marked slow as well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pytest_args=()
for arg in "$@"; do
  case "$arg" in
    --slow) pytest_args+=(-m "") ;; # in the place of -m "not slow" of setup.cfg
    *) pytest_args+=("$arg") ;;
  esac
done

bash scripts/install.sh --extras dev,text

python=.venv/bin/python
"$python" -m ruff check .
"$python" -m ruff format --check .
"$python" -m mypy
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}"
workers=$(getconf _NPROCESSORS_ONLN)
[ "$workers" -le 4 ] || workers=4
exec "$python" -m pytest -n "$workers" --dist loadfile --no-loadscope-reorder \
  ${pytest_args[@]+"${pytest_args[@]}"}
