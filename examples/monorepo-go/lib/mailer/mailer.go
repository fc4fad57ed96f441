// Package mailer writes messages.
package mailer

import (
	"bytes"
	"html/template"
	"mime/quotedprintable"
	"net/mail"
)

var page = template.Must(template.New("page").Parse(`<h1>{{.Subject}}</h1><p>Dear {{.To.Name}},</p><p>{{.Text}}</p>`))

// Message is a message to one person.
type Message struct {
	To            mail.Address
	Subject, Text string
}

// Render writes the body of a message.
func (m Message) Render() ([]byte, error) {
	var out bytes.Buffer
	w := quotedprintable.NewWriter(&out)
	if err := page.Execute(w, m); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}
