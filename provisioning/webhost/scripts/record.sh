# record.sh STATE NAME new|put BYTES <RECORD
# Writes the record of an account: a new one only if there is none (else 73).
set -eu
umask 077
state=$1 name=$2 how=$3 bytes=$4
mkdir -p "$state/accounts" "$state/domains" "$state/meters"
tmp=$state/.record.$name.$$
trap 'rm -f "$tmp"' EXIT
rm -f "$state/.record.$name."*
cat >"$tmp"
[ "$(wc -c <"$tmp")" -eq "$bytes" ] || exit 74 # cut off on its way
sync "$tmp"
if [ "$how" = new ]; then
  ln -T "$tmp" "$state/accounts/$name" 2>/dev/null || { [ -e "$state/accounts/$name" ] && exit 73; exit 74; }
else
  mv -T "$tmp" "$state/accounts/$name"
fi
sync "$state/accounts"
