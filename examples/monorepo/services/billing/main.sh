. /srv/lib.sh
greet billing
