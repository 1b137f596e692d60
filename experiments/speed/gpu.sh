#!/usr/bin/env bash
# Measures on this machine's GPU how fast the package trains, ranks and serves.
#
#   experiments/speed/gpu.sh [FOLDER]
#
# Installs the package for the GPU where that was not done, and writes speed-MACHINE.md and
# speed-MACHINE.json to FOLDER (docs/results by default), named after the GPU. Where
# TensorFlow sees no GPU, the page says so and the figures are those of the CPU.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1 || true)
name=$(printf '%s' "${gpu:-$(uname -m)-cpu}" | tr '[:upper:] ' '[:lower:]-' | tr -cd 'a-z0-9.-')
bash scripts/install.sh ${gpu:+--gpu}
.venv/bin/python -m experiments.speed.devices --name "$name" --out "${1:-docs/results}"
