// Package lsp has the data of the Language Server Protocol (3.17) that orch sends
// and takes: https://microsoft.github.io/language-server-protocol/specification.
//
// It has the names and the form of the protocol, and nothing else: it does not
// know how messages are sent, nor what is in a definition.
package lsp

import (
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
)

// Position is a place in a text: lines count from 0, characters are UTF-16 units.
type Position struct {
	Line      int `json:"line"`
	Character int `json:"character"`
}

// Range is a part of a text; End is behind it.
type Range struct {
	Start Position `json:"start"`
	End   Position `json:"end"`
}

// Location is a part of a file.
type Location struct {
	URI   string `json:"uri"`
	Range Range  `json:"range"`
}

// DiagnosticSeverity says how grave a diagnostic is.
type DiagnosticSeverity int

// The severities that orch reports.
const (
	SeverityError   DiagnosticSeverity = 1
	SeverityWarning DiagnosticSeverity = 2
	SeverityHint    DiagnosticSeverity = 4
)

// TagUnnecessary has an editor fade what a diagnostic is about.
const TagUnnecessary = 1

// Diagnostic is something wrong in a text.
type Diagnostic struct {
	Range    Range              `json:"range"`
	Severity DiagnosticSeverity `json:"severity"`
	Code     string             `json:"code,omitempty"`
	Source   string             `json:"source"`
	Message  string             `json:"message"`
	Tags     []int              `json:"tags,omitempty"`
}

// PublishDiagnostics are all diagnostics of a file.
type PublishDiagnostics struct {
	URI         string       `json:"uri"`
	Version     *int         `json:"version,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// MarkupContent is text for people.
type MarkupContent struct {
	Kind  string `json:"kind"` // "markdown"
	Value string `json:"value"`
}

// Markdown returns text in Markdown.
func Markdown(text string) *MarkupContent { return &MarkupContent{"markdown", text} }

// Hover is what is shown about a part of a text.
type Hover struct {
	Contents MarkupContent `json:"contents"`
	Range    *Range        `json:"range,omitempty"`
}

// CompletionItemKind chooses the icon of an item.
type CompletionItemKind int

// The kinds of items that orch offers.
const (
	KindFunction   CompletionItemKind = 3
	KindField      CompletionItemKind = 5
	KindVariable   CompletionItemKind = 6
	KindClass      CompletionItemKind = 7
	KindModule     CompletionItemKind = 9
	KindProperty   CompletionItemKind = 10
	KindEnum       CompletionItemKind = 13
	KindSnippet    CompletionItemKind = 15
	KindFile       CompletionItemKind = 17
	KindReference  CompletionItemKind = 18
	KindFolder     CompletionItemKind = 19
	KindEnumMember CompletionItemKind = 20
)

// FormatSnippet marks an InsertText with places to fill in.
const FormatSnippet = 2

// TextEdit replaces a part of a text.
type TextEdit struct {
	Range   Range  `json:"range"`
	NewText string `json:"newText"`
}

// CompletionItem is one thing that could be written.
type CompletionItem struct {
	Label            string             `json:"label"`
	Kind             CompletionItemKind `json:"kind,omitempty"`
	Detail           string             `json:"detail,omitempty"`
	Documentation    *MarkupContent     `json:"documentation,omitempty"`
	SortText         string             `json:"sortText,omitempty"`
	FilterText       string             `json:"filterText,omitempty"`
	InsertTextFormat int                `json:"insertTextFormat,omitempty"`
	TextEdit         *TextEdit          `json:"textEdit,omitempty"`
}

// CompletionList is what could be written at a place.
type CompletionList struct {
	IsIncomplete bool             `json:"isIncomplete"`
	Items        []CompletionItem `json:"items"`
}

// SymbolKind chooses the icon of a symbol.
type SymbolKind int

// The kinds of symbols that orch reports.
const (
	SymbolModule   SymbolKind = 2
	SymbolClass    SymbolKind = 5
	SymbolProperty SymbolKind = 7
	SymbolEnum     SymbolKind = 10
	SymbolFunction SymbolKind = 12
	SymbolVariable SymbolKind = 13
	SymbolConstant SymbolKind = 14
	SymbolEvent    SymbolKind = 24
)

// DocumentSymbol is a named part of a text.
type DocumentSymbol struct {
	Name           string           `json:"name"`
	Detail         string           `json:"detail,omitempty"`
	Kind           SymbolKind       `json:"kind"`
	Range          Range            `json:"range"`
	SelectionRange Range            `json:"selectionRange"`
	Children       []DocumentSymbol `json:"children,omitempty"`
}

// SymbolInformation is a named part of some file of the workspace.
type SymbolInformation struct {
	Name          string     `json:"name"`
	Kind          SymbolKind `json:"kind"`
	Location      Location   `json:"location"`
	ContainerName string     `json:"containerName,omitempty"`
}

// FoldingRange is a part of a text that can be folded, in lines.
type FoldingRange struct {
	StartLine int    `json:"startLine"`
	EndLine   int    `json:"endLine"`
	Kind      string `json:"kind,omitempty"`
}

// WorkspaceEdit changes files. DocumentChanges holds TextDocumentEdits, CreateFiles
// and the like, in their order.
type WorkspaceEdit struct {
	Changes         map[string][]TextEdit `json:"changes,omitempty"`
	DocumentChanges []any                 `json:"documentChanges,omitempty"`
}

// VersionedDocument names a state of a document; a nil version is that on disk.
type VersionedDocument struct {
	URI     string `json:"uri"`
	Version *int   `json:"version"`
}

// TextDocumentEdit changes one document.
type TextDocumentEdit struct {
	TextDocument VersionedDocument `json:"textDocument"`
	Edits        []TextEdit        `json:"edits"`
}

// CreateFile makes a file, which must not be there.
type CreateFile struct {
	Kind string `json:"kind"` // "create"
	URI  string `json:"uri"`
}

// CodeAction is a change that is offered.
type CodeAction struct {
	Title       string         `json:"title"`
	Kind        string         `json:"kind"`
	Diagnostics []Diagnostic   `json:"diagnostics,omitempty"`
	IsPreferred bool           `json:"isPreferred,omitempty"`
	Edit        *WorkspaceEdit `json:"edit,omitempty"`
}

// Command is something that the client can have done.
type Command struct {
	Title     string `json:"title"`
	Command   string `json:"command"`
	Arguments []any  `json:"arguments,omitempty"`
}

// CodeLens is a command that is shown above a line.
type CodeLens struct {
	Range   Range    `json:"range"`
	Command *Command `json:"command,omitempty"`
}

// TextDocument names a document.
type TextDocument struct {
	URI string `json:"uri"`
}

// DocumentItem is a document that was opened.
type DocumentItem struct {
	URI        string `json:"uri"`
	LanguageID string `json:"languageId"`
	Version    int    `json:"version"`
	Text       string `json:"text"`
}

// DidOpen says that a document was opened.
type DidOpen struct {
	TextDocument DocumentItem `json:"textDocument"`
}

// ContentChange replaces a part of a text, or all of it if Range is nil.
type ContentChange struct {
	Range *Range `json:"range"`
	Text  string `json:"text"`
}

// DidChange says how a document was changed.
type DidChange struct {
	TextDocument   VersionedDocument `json:"textDocument"`
	ContentChanges []ContentChange   `json:"contentChanges"`
}

// DidClose says that a document was closed; what is on disk counts again.
type DidClose struct {
	TextDocument TextDocument `json:"textDocument"`
}

// PositionParams ask about a place in a document.
type PositionParams struct {
	TextDocument TextDocument `json:"textDocument"`
	Position     Position     `json:"position"`
}

// ReferenceParams ask for the uses of what is at a place.
type ReferenceParams struct {
	PositionParams
	Context struct {
		IncludeDeclaration bool `json:"includeDeclaration"`
	} `json:"context"`
}

// RenameParams ask for another name of what is at a place.
type RenameParams struct {
	PositionParams
	NewName string `json:"newName"`
}

// PrepareRename is what would be renamed.
type PrepareRename struct {
	Range       Range  `json:"range"`
	Placeholder string `json:"placeholder"`
}

// CodeActionParams ask for changes to a part of a document.
type CodeActionParams struct {
	TextDocument TextDocument `json:"textDocument"`
	Range        Range        `json:"range"`
	Context      struct {
		Diagnostics []Diagnostic `json:"diagnostics"`
	} `json:"context"`
}

// DocumentParams ask about a whole document.
type DocumentParams struct {
	TextDocument TextDocument `json:"textDocument"`
}

// WorkspaceSymbolParams ask for symbols by a part of their names.
type WorkspaceSymbolParams struct {
	Query string `json:"query"`
}

// WorkspaceFolder is a folder that is open in the editor.
type WorkspaceFolder struct {
	URI  string `json:"uri"`
	Name string `json:"name"`
}

// InitializeParams begin a session.
type InitializeParams struct {
	RootURI               string            `json:"rootUri"`
	WorkspaceFolders      []WorkspaceFolder `json:"workspaceFolders"`
	InitializationOptions Settings          `json:"initializationOptions"`
	Capabilities          struct {
		Workspace struct {
			DidChangeWatchedFiles struct {
				DynamicRegistration bool `json:"dynamicRegistration"`
			} `json:"didChangeWatchedFiles"`
			WorkspaceEdit struct {
				ResourceOperations []string `json:"resourceOperations"`
			} `json:"workspaceEdit"`
		} `json:"workspace"`
		TextDocument struct {
			Completion struct {
				CompletionItem struct {
					SnippetSupport bool `json:"snippetSupport"`
				} `json:"completionItem"`
			} `json:"completion"`
		} `json:"textDocument"`
	} `json:"capabilities"`
}

// Settings are those of the editor.
type Settings struct {
	// Debounce is how many milliseconds pass from the last change to diagnostics.
	Debounce *int `json:"debounce"`
	// CodeLens shows "build" and "plan" above targets; nil is true.
	CodeLens *bool `json:"codeLens"`
}

// PathOf returns the path of a file URI, or "".
func PathOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	path := u.Path
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, "/")
	}
	return filepath.Clean(filepath.FromSlash(path))
}

// URIOf returns the URI of a path, which is absolute.
func URIOf(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}
