#!/usr/bin/env bash
# Unpack Debian's SLURM into a folder, with the libraries that this machine lacks. Nothing is installed, so nobody needs
# to be root. Argument: the folder.
set -euo pipefail

folder=$1
if [ -e "$folder/complete" ]; then exit 0; fi
for program in apt-get dpkg-deb; do
    command -v "$program" > /dev/null || { echo "$program is missing: this is no Debian or Ubuntu" >&2; exit 1; }
done

# Lists and packages of its own: those of the system may be missing, or old, and only root may renew them.
rm -rf "$folder"
mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$folder/packages"
folder=$(cd "$folder" && pwd)
apt() {
    apt-get --quiet=2 -o Dir::State::Lists="$folder/lists" -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=root "$@"
}
apt update

slurm="slurmctld slurmd slurm-client slurm-wlm-basic-plugins"
missing=$(apt --simulate --no-install-recommends install $slurm | awk '$1 == "Inst" { print $2 }')
(cd "$folder/packages" && apt download $(printf '%s\n' $slurm $missing | sort -u))
for package in "$folder"/packages/*.deb; do dpkg-deb --extract "$package" "$folder"; done

rm -rf "$folder/lists" "$folder/cache" "$folder/packages"
touch "$folder/complete"
