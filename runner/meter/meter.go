// Package meter is how the embedded builder says how many bytes it has moved
// to and from registries: as a status of the vertex that they were moved for,
// for each blob or manifest. It knows the form of these statuses and nothing
// else. Builders other than the embedded one say nothing of the kind.
package meter

import "strings"

// The names of the statuses begin with one of these.
const (
	sentPrefix     = "sent to registry "
	receivedPrefix = "received from registry "
)

// Movement is what was moved.
type Movement struct {
	// Sent is true if it went to a registry.
	Sent bool
	// Repository is the repository with its host.
	Repository string
	// Object is a digest or tag, which tells it from others there.
	Object string
}

// ID is the name of the status.
func (m Movement) ID() string {
	prefix := receivedPrefix
	if m.Sent {
		prefix = sentPrefix
	}
	return prefix + m.Repository + " " + m.Object
}

// Parse reads the name of a status, and returns false for other ones.
func Parse(id string) (Movement, bool) {
	rest, sent := strings.CutPrefix(id, sentPrefix)
	if !sent {
		var ok bool
		if rest, ok = strings.CutPrefix(id, receivedPrefix); !ok {
			return Movement{}, false
		}
	}
	repository, object, ok := strings.Cut(rest, " ")
	return Movement{Sent: sent, Repository: repository, Object: object}, ok
}

// UnpackedHeader asks the embedded builder, in a request for disk usage, for
// sizes without the packed forms of layers, and is in the header of such an
// answer.
const UnpackedHeader = "orch-unpacked"

// NotUnpacked is the size, in such an answer, of a record whose layer is there
// in its packed form only.
const NotUnpacked = -1
