#!/usr/bin/env bash
# Installs what is missing of debian.txt, as root on Debian or Ubuntu; elsewhere says what to install.
set -euo pipefail
cd "$(dirname "$0")"
mapfile -t wanted < <(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' debian.txt)
missing=()
if command -v dpkg-query > /dev/null; then
  for package in "${wanted[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
else
  echo "Not Debian or Ubuntu: the tests also need what their packages ${wanted[*]} hold. Tests without it are skipped."
fi
if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$(id -u)" -eq 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    install=(apt-get install -y -q --no-install-recommends "${missing[@]}")
    "${install[@]}" > /dev/null 2>&1 || { apt-get update -q > /dev/null && "${install[@]}" > /dev/null; }
  else
    echo "Tests that need them are skipped until you run: sudo apt-get install ${missing[*]}"
  fi
fi
