# domains.sh STATE NAME claim|release DOMAIN...
# Claims domains for an account, all or none (73 and the first that is another's), or
# releases those that are its own. A claim is a link, which only one can make.
set -eu
state=$1 name=$2 how=$3
shift 3
if [ "$how" = release ]; then
  for domain in "$@"; do
    [ "$(readlink "$state/domains/$domain")" != "$name" ] || rm -f "$state/domains/$domain"
  done
  exit 0
fi
mine=
for domain in "$@"; do
  if ln -sT "$name" "$state/domains/$domain" 2>/dev/null; then
    mine="$mine $domain"
  elif [ "$(readlink "$state/domains/$domain")" != "$name" ]; then
    for d in $mine; do rm -f "$state/domains/$d"; done
    printf '%s\n' "$domain"
    exit 73
  fi
done
sync "$state/domains"
