// Package inside runs processes in the steps of a build: with the files, the mounts, the
// environment and the rights that a step has, before it runs or after it has run, well or
// not. It reads definitions and speaks to a builder through a gateway client. It knows
// neither targets nor terminals.
package inside
