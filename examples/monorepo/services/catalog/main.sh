. /srv/lib.sh
greet catalog
