// Package registry asks image registries what orch itself has to know of them:
// where a tag points, and what a manifest or a small blob says. It reads names,
// the docker configuration and folders of certificates as the builder does, so
// that the two agree on which registry is meant and with which credentials.
//
// A request that fails for a passing reason is made again, see package retry.
//
// The package moves layers only from one repository to another, see
// [Client.Copy]; those of builds go between the builder and the registry.
// It knows nothing of builds, caches or releases, nor which registries only the
// builder reaches; [Client.Check] finds that out for one.
package registry
