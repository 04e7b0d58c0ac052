# meter.sh STATE HOMES LOGS [NAME]
# Prints for each account, or for one, how many bytes its home holds and how many it has sent and
# received since it was first measured. What was counted is kept with the log it was
# counted in and how far, so that each line counts once, over rotations by renaming too.
set -u
umask 077
state=$1 homes=$2 logs=$3 only=${4-}
[ -d "$state/accounts" ] || exit 0
mkdir -p "$state/meters"
exec 9>"$state/meters.lock"
flock -w 60 9 || exit 75

# tally FILE OFFSET: bytes in its complete lines after OFFSET, and where these end
tally() {
  size=$(stat -c '%s' "$1") # what comes later is for the next time
  ends=no
  [ "$size" -eq 0 ] || [ -n "$(tail -c "+$size" "$1" | head -c 1 | tr -d '\n')" ] || ends=yes
  tail -c "+$(($2 + 1))" "$1" | head -c "$((size - $2))" | awk -v ends="$ends" -v at="$2" 'BEGIN {RS = "\n"}
    {line[NR] = length($0) + 1; sum[NR] = NF < 2 ? 0 : $(NF - 1) + $NF; if (sum[NR] < 0) sum[NR] = 0}
    END {n = NR; if (n > 0 && ends != "yes") n--
      for (i = 1; i <= n; i++) {total += sum[i]; at += line[i]}
      printf "%.0f %.0f\n", total, at}'
}

for record in "$state"/accounts/*; do
  [ -f "$record" ] || continue
  name=${record##*/}
  [ -z "$only" ] || [ "$name" = "$only" ] || continue
  disk=-
  if [ -d "$homes/$name" ] && ! [ -h "$homes/$name" ]; then
    disk=$(du -s -x -B1 "$homes/$name" 2>/dev/null | cut -f1)
  fi
  printf 'disk %s %s\n' "$name" "${disk:--}"

  epoch=$(sed -n 's/^{"version":[0-9]*,"epoch":"\([0-9a-f]*\)".*/\1/p' "$record" 2>/dev/null)
  [ -n "$epoch" ] || continue # removed meanwhile
  last='' id='' offset=0 total=0 at=0
  [ -f "$state/meters/$name" ] && read -r last id offset total at <"$state/meters/$name"
  if [ "$last" != "$epoch" ]; then id='' offset=0 total=0 at=0; fi # of one before it
  # The logs that hold what was not counted, oldest first: the one counted in last and
  # those before it in the order of rotation.
  files='' written=''
  found=no
  for log in "$logs/$name.log" "$logs/$name.log.1" "$logs/$name.log.2" "$logs/$name.log.3"; do
    [ -f "$log" ] || continue
    files="$log $files"
    if [ "$(stat -c '%Y' "$log")" -gt "$at" ]; then written="$log $written"; fi
    if [ "$(stat -c '%d-%i-%W' "$log")" = "$id" ]; then
      found=yes
      break
    fi
  done
  # Where that one is gone, a log that nothing was written to since may have been counted.
  if [ "$found" = no ] && [ "${id:--}" != - ]; then files=$written; fi
  for log in $files; do
    this=$(stat -c '%d-%i-%W' "$log")
    from=0
    if [ "$found" = yes ] && [ "$this" = "$id" ] && [ "$(stat -c '%s' "$log")" -ge "$offset" ]; then from=$offset; fi
    now=$(date +%s)
    # shellcheck disable=SC2046 # two numbers
    set -- $(tally "$log" "$from")
    total=$(awk -v a="$total" -v b="$1" 'BEGIN {printf "%.0f", a + b}')
    id=$this offset=$2 at=$now
  done
  printf '%s %s %s %s %s\n' "$epoch" "${id:--}" "$offset" "$total" "$at" >"$state/meters/.$name.new"
  sync "$state/meters/.$name.new"
  mv "$state/meters/.$name.new" "$state/meters/$name"
  printf 'traffic %s %s %s\n' "$name" "$total" "$epoch"
done
for meter in "$state"/meters/*; do
  [ -f "$state/accounts/${meter##*/}" ] || rm -f "$meter"
done
# Turns of calls that came to nothing long ago.
find "$state/turns" -type f -mmin +1440 2>/dev/null | while IFS= read -r turn; do
  [ -f "$state/accounts/${turn##*/}" ] || rm -f "$turn"
done
