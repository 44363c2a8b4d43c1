#!/bin/sh
# Install attlas from this source into a folder. Arguments: cpu, or cuda, whose libraries take some 3 GB; the folder.
set -eu

device=$1
folder=$2
source=$(cd "$(dirname "$0")/../.." && pwd)

# PyPI's torch is the one for CUDA. The one for CPUs has a higher version, such as 2.13.0+cpu, so pip prefers it.
case $device in
    cpu) set -- --extra-index-url https://download.pytorch.org/whl/cpu ;;
    cuda) set -- ;;
    *) echo "the device is cpu or cuda, not $device" >&2; exit 2 ;;
esac

python3 -m venv "$folder"
"$folder/bin/python" -m pip install --no-cache-dir --constraint "$source/constraints.txt" "$@" \
    "$source[build,structures,report,remote,serve,mcp]"

# The libraries of object stores need older versions of some others than the constraints say.
"$folder/bin/python" -m pip install --no-cache-dir "attlas[s3]"
