// Package caches knows the places of caches: what a builder is sent for one, with
// the credentials that the environment has; whether there is one to read; which
// of them turned out to be unreadable or damaged; and how one is put into the
// cache of its lane. It does not know which targets are built, nor does it solve
// anything: what writes a cache is handed to it.
package caches
