# vhost.sh STATE VHOSTS LOGS GROUP NGINX CONF PIDFILE NAME|0 put|remove BYTES <CONFIGURATION
# Installs or removes one file of nginx's configuration, and makes nginx use it. If nginx
# refuses the file, the old one is put back (65 and nginx's words). Where an earlier
# attempt was killed half-way it is finished first, or taken back.
set -eu
umask 077 # customers do not read one another's files
state=$1 vhosts=$2 logs=$3 group=$4 nginx=$5 conf=$6 pidfile=$7 name=$8 how=$9 bytes=${10}
file=tierhost-$name.conf
[ -d "$state" ] || mkdir -p "$state"
# Workers open logs anew after a rotation.
[ -d "$logs" ] || (umask 027 && mkdir -p "$logs" && chgrp "$group" "$logs")
[ -d "$vhosts" ] || (umask 022 && mkdir -p "$vhosts")
exec 9>"$state/lock"
flock -w 30 9 || exit 75

good() { "$nginx" -t -q -c "$conf" >"$state/said" 2>&1; }
children() { ps -o pid=,args= --ppid "$1" 2>/dev/null || true; }

master=$(cat "$pidfile" 2>/dev/null || true)
kill -0 "${master:-none}" 2>/dev/null || { echo 'nginx does not run' >&2; exit 69; }

# reload waits until new workers serve and the old ones have closed their sockets.
reload() {
  before=$(children "$master" | awk '{printf " %s ", $1}')
  kill -HUP "$master"
  tries=0
  until children "$master" | awk -v before="$before" '
    /worker process/ && !index(before, " " $1 " ") {fresh = 1}
    /worker process/ && !/shutting down/ && index(before, " " $1 " ") {old = 1}
    END {exit !(fresh && !old)}'; do
    tries=$((tries + 1))
    [ "$tries" -lt 400 ] || return 1
    sleep 0.025
  done
}

# put_back undoes what "pending" names.
put_back() {
  if [ -e "$state/rollback" ]; then
    cp "$state/rollback" "$vhosts/.$1.old"
    mv "$vhosts/.$1.old" "$vhosts/$1"
  else
    rm -f "$vhosts/$1"
  fi
}

if [ -e "$state/pending" ]; then
  unfinished=$(cat "$state/pending")
  good || put_back "$unfinished"
  good || { echo 'the configuration of nginx is broken:' >&2; cat "$state/said" >&2; exit 78; }
  reload || { echo 'nginx does not take its configuration' >&2; exit 69; }
  rm -f "$state/pending"
fi

new=$vhosts/.$file.new
trap 'rm -f "$new"' EXIT
if [ "$how" = put ]; then
  cat >"$new"
  [ "$(wc -c <"$new")" -eq "$bytes" ] || exit 74 # cut off on its way
  if cmp -s "$new" "$vhosts/$file"; then exit 0; fi
  sync "$new"
elif ! [ -e "$vhosts/$file" ]; then
  exit 0
fi

rm -f "$state/rollback"
if [ -e "$vhosts/$file" ]; then
  cp "$vhosts/$file" "$state/rollback.new"
  mv "$state/rollback.new" "$state/rollback"
fi
printf '%s\n' "$file" >"$state/pending.new"
sync "$state/pending.new"
mv "$state/pending.new" "$state/pending"
if [ "$how" = put ]; then mv "$new" "$vhosts/$file"; else rm -f "$vhosts/$file"; fi
sync "$vhosts"

if ! good; then
  cp "$state/said" "$state/refused"
  put_back "$file"
  rm -f "$state/pending"
  if good; then
    cat "$state/refused" >&2
    exit 65
  fi
  echo 'the configuration of nginx is broken, and not by this:' >&2
  cat "$state/said" >&2
  exit 78
fi
if ! reload; then
  echo 'nginx does not take its configuration' >&2
  put_back "$file"
  rm -f "$state/pending"
  exit 69
fi
rm -f "$state/pending" "$state/rollback"
