greet() { echo "$1 is up"; }
