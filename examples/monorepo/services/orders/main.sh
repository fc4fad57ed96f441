. /srv/lib.sh
greet orders
