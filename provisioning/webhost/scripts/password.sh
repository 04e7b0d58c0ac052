# password.sh <NAME:PASSWORD
# Sets a password, if the line is complete.
IFS= read -r line || exit 74 # cut off on its way
printf '%s\n' "$line" | chpasswd
