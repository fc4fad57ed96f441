. /srv/lib.sh
greet stock
