. /srv/lib.sh
greet cart
