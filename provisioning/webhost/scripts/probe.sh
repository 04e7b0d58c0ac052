# probe.sh NGINX CONF PIDFILE HOMES
# Whether nginx runs and takes its configuration, and homes can be made.
set -eu
kill -0 "$(cat "$3")" || { echo 'nginx does not run' >&2; exit 69; }
"$1" -t -q -c "$2" || exit 78
[ -w "$4" ] || { echo 'homes cannot be made' >&2; exit 69; }
