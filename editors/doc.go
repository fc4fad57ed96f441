// Package editors holds what editors have of orch; it has tests alone.
package editors
