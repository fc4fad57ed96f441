// Package predict keeps what is needed to explain the next run: what the targets
// of a run were made of, beside its record, and which steps each builder has run,
// with what they took. After a run it checks what was predicted.
//
// It knows nothing of command lines and asks no builder: a builder whose cache
// was pruned runs steps again that are known here.
package predict
