package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/orch-build/orch/internal/termtext"
)

// maxMessage bounds what is shown of what a registry says, in characters.
const maxMessage = 300

// Error is an answer of a registry that is not the wanted one.
type Error struct {
	Method, URL string
	Status      int
	// Message is what the registry says of it, on one line; it may be empty.
	Message string
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// ErrOther says that a registry answered with something else than a digest
// names.
var ErrOther = errors.New("the registry answers with something else than")

// Missing says whether a registry answered that something is not there.
func Missing(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// newError reads an answer. Registries answer with a list of errors, each with
// a code and a message; what is in front of them answers with anything.
func newError(req *http.Request, status int, body []byte) *Error {
	shown := *req.URL
	shown.RawQuery, shown.User = "", nil
	return &Error{Method: req.Method, URL: shown.String(), Status: status, Message: message(body)}
}

func message(body []byte) string {
	var list struct {
		Errors []struct {
			Code, Message string
			Detail        any
		}
	}
	if json.Unmarshal(body, &list) != nil {
		return ""
	}
	var texts []string
	for _, e := range list.Errors {
		text := e.Code
		switch {
		case text == "":
			text = e.Message
		case e.Message != "":
			text += ": " + e.Message
		}
		if text = OneLine(text); text != "" {
			texts = append(texts, text)
		}
	}
	return OneLine(strings.Join(texts, "; "))
}

// OneLine makes text of elsewhere fit to be shown: on one line, without what
// steers a terminal, and not too long.
func OneLine(text string) string {
	text = termtext.Line(strings.ReplaceAll(text, "\r", " "))
	if runes := []rune(text); len(runes) > maxMessage {
		text = string(runes[:maxMessage]) + "…"
	}
	return text
}
