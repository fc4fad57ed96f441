// Package merge puts the results of shards together: it reads and checks their
// files, makes of them the report that one run of everything would have had, and
// makes one index of images whose platforms were built apart.
//
// What a file says is not trusted further than it can be checked: names and
// digests are read before they are used, and what an index is made of is read
// from the registry. The package moves no tags, prints nothing, and does not know
// how a plan of shards is made.
package merge
