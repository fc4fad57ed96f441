// Package exports turns the outputs of a target into the exports that a builder is
// asked for: their attributes, where their files go, what is attested to them,
// which names an image is pushed by, and which of them are asked for together. It
// reads what the builder answered. It does not ask, and it knows neither the
// result that is exported nor the run.
package exports
