. /srv/lib.sh
greet mail
