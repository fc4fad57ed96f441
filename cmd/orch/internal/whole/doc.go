// Package whole has what is not in the part of orch that starts first: the reader
// of Compose files, what sends traces, and the evaluation of policies. In the whole
// program its functions do the work; in the split one, which has the tag orch_split,
// they start the same command over in the whole program. It knows no flag and no
// command.
package whole
