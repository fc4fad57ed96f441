. /srv/lib.sh
greet auth
