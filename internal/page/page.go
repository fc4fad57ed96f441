package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"sync"

	"github.com/orch-build/orch/internal/termtext"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Parse(pageHTML))
})

// Write writes the page. Its policy lets in the style and the script that it has,
// and nothing else, so that a text which became an element could do nothing.
func Write(w io.Writer, d *Data) error {
	d.Sound()
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	err = pageTemplate().Execute(w, map[string]any{
		"Title": d.Title, "Data": json.RawMessage(termtext.JSON(data)), "Style": template.CSS(pageCSS), "Script": template.JS(pageJS),
		"Policy": template.HTMLAttr(`content="` + policy() + `"`),
	})
	if err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// policy is the Content-Security-Policy of a page.
func policy() string {
	return fmt.Sprintf("default-src 'none'; img-src data:; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(pageCSS), hash(pageJS))
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
