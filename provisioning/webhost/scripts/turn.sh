# turn.sh begin|join|work STATE NAME TICKET ...
# Goes before what changes something of an account. One program at a time works on it, and
# only for the call that began last: what comes late of a call that was given up does
# nothing. TICKET begins with when its call began, in nanoseconds. Where there is no
# account "join" ends the turns of others.
turn=$2/turns/$3
case $1 in begin) [ -d "$2/turns" ] || (umask 077 && mkdir -p "$2/turns") ;; esac
while [ "$1" = begin ] || [ -e "$turn" ] || [ -e "$2/accounts/$3" ]; do
  [ -d "$2/turns" ] || exit 75
  exec 8>>"$turn"
  flock -w 60 8 || exit 75
  # It may have been removed meanwhile.
  [ "$turn" -ef "/proc/$$/fd/8" ] && break
done
last=$(cat "$turn" 2>/dev/null || true)
if [ "$1" = work ]; then
  [ "$last" = "$4" ] || exit 75
elif [ -n "$last" ] && [ "${4%-*}" -lt "${last%-*}" ] && [ -z "$(find "$turn" -mmin +10)" ]; then
  exit 75 # a later call has begun, unless its clock was wrong
elif [ "$1" = begin ] || [ -e "$2/accounts/$3" ]; then
  printf '%s\n' "$4" >"$turn" || exit 75
else
  rm -f "$turn"
fi
shift 4
