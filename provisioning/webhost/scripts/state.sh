# state.sh STATE HOMES VHOSTS QUOTA [NAME [DOMAIN...]]
# Prints what there is of an account and of the site for all other names, called 0, or of
# all accounts: one line for each thing, beginning with what it is and whose. Changes
# nothing.
set -u
state=$1 homes=$2 vhosts=$3 quota=$4
shift 4
passwd() { if [ -n "$1" ]; then getent passwd "$1"; else getent passwd; fi; }
shadow() { if [ -n "$1" ]; then getent shadow "$1"; else getent shadow; fi; }
group() { if [ -n "$1" ]; then getent group "$1"; else getent group; fi; }
name=${1-}

passwd "$name" | awk -F: '{split($5, g, ","); mark = g[1]; if (mark == "" || mark ~ / /) mark = "-"; print "user", $1, $3, $4, mark, $6}'
# Of a password only whether there is one, and whether it is locked.
shadow "$name" | awk -F: '{lock = "open"; if ($2 == "") lock = "empty"; else if ($2 ~ /^[!*]+$/) lock = "unset"; else if ($2 ~ /^!/) lock = "locked"
  print "shadow", $1, lock, ($8 == "" ? "-" : $8)}'
group "$name" | awk -F: '{print "group", $1, $3}'

# Patterns, to be expanded where they are used.
# shellcheck disable=SC2125
if [ -n "$name" ]; then
  records=$state/accounts/$name files="$vhosts/tierhost-$name.conf $vhosts/tierhost-0.conf" dirs=$homes/$name
else
  records=$state/accounts/* files=$vhosts/tierhost-[a-z]*.conf dirs=$homes/*
fi
for f in $records; do [ -f "$f" ] && { printf 'record %s ' "${f##*/}"; cat "$f"; }; done
for f in $files; do [ -f "$f" ] && sha256sum "$f"; done | sed -n 's|^\([0-9a-f]*\)  .*/tierhost-\(.*\)\.conf$|vhost \2 \1|p'
for f in $files; do [ -f "$f" ] && head -n 1 "$f"; done | awk '$1 == "#" && $2 == "tierhost" {print "mark", $4, $3}'
for f in $dirs; do [ -d "$f" ] && ! [ -h "$f" ] && printf 'home %s %s\n' "${f##*/}" "$(stat -c '%u %g %a' "$f")"; done
for f in $dirs; do { [ -e "$f" ] || [ -h "$f" ]; } && { ! [ -d "$f" ] || [ -h "$f" ]; } && printf 'home %s - - -\n' "${f##*/}"; done
if [ -d "$state/domains" ]; then
  if [ -n "$name" ]; then
    find "$state/domains" -type l -lname "$name" -printf 'domain %l %f\n'
    shift
    for domain in "$@"; do
      owner=$(readlink "$state/domains/$domain") && printf 'domain %s %s\n' "$owner" "$domain"
    done
  else
    find "$state/domains" -type l -printf 'domain %l %f\n'
  fi
fi
[ -f "$state/pending" ] && printf 'pending %s\n' "$(cat "$state/pending")"
if [ -n "$quota" ]; then
  report=$(repquota -u -v -O csv "$quota") || exit 69
  printf '%s\n' "$report" | awk -F, -v name="$name" 'NR > 1 && (name == "" || $1 == name) {print "quota", $1, $6}'
fi
exit 0
