#!/usr/bin/env bash
# Installs what is missing and builds the site, strictly: a warning is an error.
#
#   scripts/docs.sh [FOLDER]
#
# FOLDER is build/site by default. Its pages open from the disk; only the search needs a server,
# such as python -m http.server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash scripts/install.sh --extras docs,text
out=${1:-build/site}
NO_MKDOCS_2_WARNING=1 TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}" \
  .venv/bin/python -m mkdocs build --strict --quiet --clean --site-dir "$(realpath -m "$out")"
echo "The site is in $out: open $out/index.html."
