// Package fleet runs a plan on several builders at once. It places the targets on
// them, for each of their platforms, has the solver of each builder build its part
// of the plan, and puts the results together: one image of platforms that were
// built apart, one report, one stream of events. What a builder that is lost has
// not finished goes to the next one.
//
// The package does not know BuildKit: what builds on one builder is handed in. It
// keeps nothing between runs, and builders do not talk to each other. It moves no
// tags: images that are pushed have to be pushed by their digest.
package fleet
