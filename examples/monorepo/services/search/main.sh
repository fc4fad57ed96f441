. /srv/lib.sh
greet search
