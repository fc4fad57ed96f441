. /srv/lib.sh
greet api
