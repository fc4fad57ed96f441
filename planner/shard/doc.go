// Package shard divides the targets of a plan among several jobs of a CI
// system, and puts a job's part of a definition together again.
//
// The smallest thing that is assigned is a target for one platform. Those that
// cannot be built apart are one unit: a target with what it links to, and all
// platforms of a target whose result is one file. Units are packed into shards
// by the time that their stages are expected to take, where a stage that several
// units of a shard need counts once. The same plan and the same times give the
// same shards on every machine.
//
// The package is a function of the plan and of times that are handed in. It does
// not know builders, registries and CI systems, and it neither reads nor writes
// files.
package shard
