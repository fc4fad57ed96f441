// Package builder reaches BuildKit daemons: it knows the forms of their addresses
// and their certificates, asks them what they are, notices when one is gone, and
// says why one cannot be reached. It does not know what is built.
package builder
