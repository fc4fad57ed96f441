// Package sourcepolicy judges the sources of a build while a builder makes it: it hears
// what the builder asks about a source, asks the policy by the names that bake has
// for folders, and remembers what was decided. It does not know how a policy is
// written, nor which targets are under it.
package sourcepolicy
