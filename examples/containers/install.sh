#!/bin/sh
# Install attlas from this source into a folder. Arguments: cpu, or cuda, whose libraries take some 3 GB; the folder.
set -eu

device=$1
folder=$2
source=$(cd "$(dirname "$0")/../.." && pwd)

python3 -m venv "$folder"
install() { "$folder/bin/python" -m pip install --no-cache-dir --constraint "$source/constraints.txt" "$@"; }

# PyPI's torch is the one for CUDA.
if [ "$device" = cpu ]; then install torch --index-url https://download.pytorch.org/whl/cpu; fi
install "$source[build,structures,report,remote,serve,mcp]"
