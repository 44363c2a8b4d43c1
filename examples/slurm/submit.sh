#!/bin/bash
# Submit the jobs that compute a planned atlas, and the job that seals it when all of them have succeeded.
# Arguments: the directory of the plan, the number of parts, the script of a part (encode.sbatch or encode_gpu.sbatch),
# and options of sbatch for both, such as --partition=long --account=lab.
set -euo pipefail

directory=$1
n_parts=$2
script=$3
here=$(dirname "$0")

array=$(sbatch --parsable "${@:4}" --array="0-$((n_parts - 1))" "$here/$script" "$directory" "$n_parts")
seal=$(sbatch --parsable "${@:4}" --dependency="afterok:$array" "$here/seal.sbatch" "$directory")
echo "job $array computes $n_parts parts, job $seal seals $directory"
