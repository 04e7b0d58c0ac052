# home.sh HOMES NAME UID GROUP
# Makes the home of an account appear at once and with its owner.
set -eu
homes=$1 name=$2 uid=$3 group=$4
tmp=$homes/.tierhost-$name
rm -rf --one-file-system "$tmp"
mkdir -m 0700 "$tmp"
chgrp "$group" "$tmp"
chmod 0710 "$tmp"
chown "$uid" "$tmp"
mv -nT "$tmp" "$homes/$name"
if [ -e "$tmp" ]; then # something has the name
  rm -rf --one-file-system "$tmp"
  exit 73
fi
